"""A template language: text in, value out, over stated names. Pure; compiled once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from jobstream.plan.notes import Json

LONGEST = 1 << 16  # characters of a template
MOST = 1 << 20  # characters of what it renders to


class TemplateFault(Exception):
    """A template that cannot be rendered: the user's document is at fault. The message says what was seen."""


class Missing(TemplateFault):
    """Something is asked of a value that is not there. A condition is false then."""


class Scope:
    """Names by thunk: a name that no template uses costs nothing. Values are JSON."""

    def __init__(self, thunks: Mapping[str, Callable[[], Json]]) -> None:
        self._thunks, self._values = thunks, dict[str, Json]()

    def __contains__(self, name: str) -> bool:
        return name in self._thunks

    def __getitem__(self, name: str) -> Json:
        if name not in self._values:
            self._values[name] = self._thunks[name]()
        return self._values[name]

    def names(self) -> frozenset[str]:
        return frozenset(self._thunks)

    def plus(self, **more: Json) -> Scope:
        return Scope({**self._thunks, **{k: _constant(v) for k, v in more.items()}})

    def look(self, path: str) -> Json:
        """`created.body.id`; None where nothing is. Raises TemplateFault for a name that this place does not see."""
        root, *keys = path.split(".")
        if root not in self:
            raise TemplateFault(f"there is no {root!r} here" + near(root, self.names()))
        at = self[root]
        for key in keys:
            if isinstance(at, dict):
                at = at.get(key)
            elif isinstance(at, list) and key.lstrip("-").isdigit():
                at = at[int(key)] if -len(at) <= int(key) < len(at) else None
            else:
                return None
        return at


def _constant(v: Json) -> Callable[[], Json]:
    return lambda: v


def near(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` or nothing: the end of a message about an unknown word."""
    match = difflib.get_close_matches(word, sorted(known), 1)
    return f" (did you mean {match[0]!r}?)" if match else ""


def unseen(name: str, aliases: Mapping[str, str], scope: Scope) -> TemplateFault:
    """A name that this place does not see: its nearest neighbour, in the dialect's words and in ours."""
    known = {a for a, ours in aliases.items() if ours.partition(".")[0] in scope} | scope.names()
    return TemplateFault(f"there is no {name!r} here" + near(name, known))


def timeless() -> float:
    """The clock of a language that was given none: it can check templates, and render those that ask for no time."""
    raise TemplateFault("no time is known here")


def nameless() -> str:
    """The ids of a language that was given none."""
    raise TemplateFault("no new id can be made here")


class Language(Protocol):
    """text    what stands in a URL or a message; url: the language's own encoding for a URL applies
    value   what stands where any JSON may: the dialect's rules make a number, a list or a text of it
    truth   a condition, with or without its braces
    """

    def text(self, source: str, scope: Scope, *, url: bool = False) -> str: ...
    def value(self, source: str, scope: Scope) -> Json: ...
    def truth(self, source: str, scope: Scope) -> bool: ...
    def names(self, source: str) -> frozenset[str]:
        """The roots that `source` uses, in the dialect's words. Raises TemplateFault where it cannot be parsed."""


def spell(v: Json) -> str:
    """A value where only text may stand: absent is empty, objects and lists are JSON (not Python's spelling of them)."""
    if v is None:
        return ""
    if isinstance(v, dict | list | tuple):
        return msgspec.json.encode(v).decode()
    return v if isinstance(v, str) else ("true" if v else "false") if isinstance(v, bool) else str(v)


class Plain:
    """Text as it stands."""

    def text(self, source: str, scope: Scope, *, url: bool = False) -> str:
        return source

    def value(self, source: str, scope: Scope) -> Json:
        return source

    def truth(self, source: str, scope: Scope) -> bool:
        return bool(source)

    def names(self, source: str) -> frozenset[str]:
        return frozenset()
