"""A template language: text in, value out, over stated names. Pure; compiled once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import quote

import msgspec

from jobstream.plan.notes import Json


class TemplateFault(Exception):
    """A template that cannot be rendered: the user's document is at fault. The message says what was seen."""


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

    def plus(self, **more: Json) -> Scope:
        return Scope({**self._thunks, **{k: _constant(v) for k, v in more.items()}})

    def look(self, path: str) -> Json:
        """`created.body.id`; None where nothing is. Raises TemplateFault for a name that this place does not see."""
        root, *keys = path.split(".")
        if root not in self:
            raise TemplateFault(f"there is no {root!r} here")
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


class Language(Protocol):
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


_TAG = re.compile(r"\{\{(\{?)\s*([^{}]*?)\s*\}?\}\}")


class Handlebars:
    """Paths only: `{{{a.b}}}` raw, `{{a.b}}` percent-encoded in a URL. (The product adds blocks and helpers.)"""

    def __init__(self, names: Mapping[str, str] = {}) -> None:
        self._names = dict(names)

    def text(self, source: str, scope: Scope, *, url: bool = False) -> str:
        def put(m: re.Match[str]) -> str:
            got = spell(scope.look(self._ours(m[2])))
            return quote(got, safe="") if url and not m[1] else got

        return _TAG.sub(put, source) if "{{" in source else source

    def value(self, source: str, scope: Scope) -> Json:
        return self.text(source, scope)

    def truth(self, source: str, scope: Scope) -> bool:
        return self.text(source, scope) not in ("", "false", "0")

    def names(self, source: str) -> frozenset[str]:
        return frozenset(m[2].split(".")[0] for m in _TAG.finditer(source))

    def _ours(self, path: str) -> str:
        if " " in path:
            raise TemplateFault(f"no helper is named {path.split(maxsplit=1)[0]!r}")
        if path in self._names:
            return self._names[path]
        root, dot, rest = path.partition(".")
        return self._names.get(root, root) + dot + rest
