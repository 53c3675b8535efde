"""Texts of a manifest: $parameters put in, config rendered where a value is needed now, literals read as Python does."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping

from jobstream.dialects.airbyte.tables import NAMES
from jobstream.plan.notes import Json
from jobstream.template.language import Language, Scope

_LOOKUP = re.compile(
    r"""\{\{-?\s*parameters((?:\.\w+|\[\s*'[^'{}]*'\s*\]|\[\s*"[^"{}]*"\s*\]|\.get\(\s*'[^'{}]*'\s*\))+)\s*-?\}\}"""
)
_KEY = re.compile(r"""\.get\(\s*'([^']*)'\s*\)|\.(\w+)|\[\s*['"]([^'"]*)['"]\s*\]""")
_BLOCK = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_WORD = re.compile(r"\bparameters\b")


class Unknown:
    """A value that only the config tells, and there is none yet."""


UNKNOWN = Unknown()


def is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


def literal(value: Json) -> Json:
    """Text is read as a Python literal, as Airbyte reads every text; what is none stays text."""
    if not isinstance(value, str) or is_template(value):
        return value
    try:
        return ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value


def bound(text: str, params: Callable[[], Mapping[str, Json]]) -> str:
    """`{{ parameters['x'] }}` becomes what it is; where a template does more with them, they are set before it."""
    if not is_template(text) or not _WORD.search(text):
        return text
    given, opens = params(), False

    def put(m: re.Match[str]) -> str:
        nonlocal opens
        at: Json = given
        for found in _KEY.finditer(m[1]):
            at = at.get(found[1] or found[2] or found[3]) if isinstance(at, dict) else None
        opens = opens or "{" in str(at)
        return "" if at is None else str(at)

    flat = _LOOKUP.sub(put, text)
    if not opens and not _WORD.search("".join(_BLOCK.findall(flat))):
        return flat
    return "{% set parameters = " + repr(given) + " %}" + text


def condition(text: str) -> str:
    """A condition may stand without braces."""
    return text if not text or is_template(text) else "{{ " + text + " }}"


class Texts:
    """now: for `now_utc()` in what is rendered once, when the manifest is read."""

    def __init__(self, config: Json, now: Callable[[], float]) -> None:
        from jobstream.template.jinja import Jinja

        self.language: Language = Jinja(NAMES, now)
        self.config = config

    def fixed(self, text: str) -> Json | Unknown:
        """A template over the config alone, rendered. Raises TemplateFault."""
        if not is_template(text):
            return literal(text)
        if self.config is None:
            return UNKNOWN
        return self.language.value(text, Scope({"config": lambda: self.config}))

    def names(self, text: str) -> frozenset[str]:
        """Raises TemplateFault."""
        return self.language.names(text)
