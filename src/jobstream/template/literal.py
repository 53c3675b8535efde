"""What a rendered text is: the CDK reads every one as a Python literal. Source: Airbyte CDK, JinjaInterpolation."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

from jobstream.plan.notes import Json

#: A word that begins none of True, False, None, set() and a prefixed string; the beginning of a path. Neither is a literal.
_NEVER = re.compile(r"/|(?!True|False|None|set\b|[bBrRuU]{1,2}['\"])[A-Za-z_]")
_DIGITS = re.compile(r"[1-9][0-9]{0,17}")
_WORDS = {"True": True, "False": False, "None": None}
FALSE: tuple[Json, ...] = (False, None, 0, 0.0, "False", "false", "", "0", "0.0", "{}", "[]", "()", [], {}, (), set())


def literal(text: str) -> Json:
    """`1_000` is 1000, `1,2` a tuple, `"x"` x; `0123`, `null`, `true` and what is no literal stay text.

    Beyond the CDK, bytes and `...` stay text too: they are not JSON."""
    if text in _WORDS:
        return _WORDS[text]
    if _NEVER.match(text):
        return text
    if _DIGITS.fullmatch(text):
        return int(text)
    try:
        found = _evaluated(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return text
    return text if isinstance(found, complex | bytes) or found is ... else found


def unquoted(text: str) -> str:
    """Text that is one quoted literal loses its quotes, so that `{{ 5 | string }}` is 5 where text stands."""
    if text[:1] not in ("'", '"'):
        return text
    found = literal(text)
    return found if isinstance(found, str) else text


def _evaluated(text: str) -> Any:
    if "\\" not in text:
        return ast.literal_eval(text)
    with warnings.catch_warnings():  # an unknown escape such as \d is kept, and is no business of the person at the terminal
        warnings.simplefilter("ignore")
        return ast.literal_eval(text)


def is_true(value: Json) -> bool:
    """Airbyte's false values; an empty answer, None and an unknown field are false, every other text is true."""
    return value not in FALSE
