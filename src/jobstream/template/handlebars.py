"""Handlebars for Celigo's resources: the dialect's names over our scope, and what stands in a place is encoded for it.

The library is imported when the first template is met. Source: handlebars.js 4.7, whose answers are a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from jobstream.plan.notes import Json
from jobstream.template.language import Scope, near, timeless, unseen
from jobstream.template.script import Handle, in_json
from jobstream.template.words import Word, words

if TYPE_CHECKING:
    from pydantic_handlebars._ast_nodes import Program

#: In front of a text that is a JSON document: `{{x}}` is escaped for a JSON string there.
JSON = "{{!json}}"
#: In front of one expression whose value is wanted as it is, not as text.
VALUE = "{{!value}}"
#: In front of a URL that is rendered where no URL is asked for: `{{x}}` is percent-encoded.
URL = "{{!url}}"
_MARKS = (JSON, VALUE, URL)


class _Compiled(NamedTuple):
    program: Program
    mark: str


class Handlebars:
    """names: the dialect's words -> our scope. A word may hold dots (`export.http.paging.page`); its value may be laid together
    (`job.id + polled.body`: later objects over earlier ones, a lone value is its own `id`), may name another place to look
    (`polled.body.job | polled.body`), and may be `now`. The word '' is
    spread: its fields are seen by themselves.

    `{{x}}` is percent-encoded in a URL, escaped in a JSON text (see JSON), else as it is; `{{{x}}}` is as it is."""

    def __init__(
        self, names: Mapping[str, str] = {}, now: Callable[[], float] = timeless, own: Mapping[str, Word] = {}
    ) -> None:
        self._names, self._now, self._words = dict(names), now, {**words(now), **own}
        self._compiled = lru_cache(maxsize=4096)(self._compile)

    def _compile(self, source: str) -> _Compiled:
        from jobstream.template.bars import parsed

        mark = next((m for m in _MARKS if source.startswith(m)), "")
        return _Compiled(parsed(source.removeprefix(mark)), mark)

    def text(self, source: str, scope: Scope, *, url: bool = False) -> str:
        if "{{" not in source:
            return source
        from jobstream.template.bars import rendered

        program, mark = self._compiled(source)
        escape = _in_url if url or mark == URL else in_json if mark == JSON else str
        return rendered(program, self._root(scope), self._words, escape)

    def value(self, source: str, scope: Scope) -> Json:
        if not source.startswith(VALUE):
            return self.text(source, scope)
        from jobstream.template.bars import evaluated

        return evaluated(self._compiled(source).program, self._root(scope), self._words)

    def _root(self, scope: Scope) -> _Root:
        return _Root(self._names, scope, self._words["timestamp"])

    def truth(self, source: str, scope: Scope) -> bool:
        return self.text(source if "{{" in source else "{{" + source + "}}", scope) not in ("", "false", "0")

    def names(self, source: str) -> frozenset[str]:
        """Where a record is spread, a word that resembles none of ours may be a field of it, and is left out."""
        from jobstream.template.bars import roots

        found = {self._word_of(path) for path in roots(self._compiled(source).program) if path}
        if "" not in self._names:
            return frozenset(found)
        known = set(self._names) - {""}
        return frozenset(n for n in found if n in known or n in _OURS or near(n, known))

    def _word_of(self, path: tuple[str, ...]) -> str:
        """The longest word of the dialect that the path begins with; else its first part."""
        for n in range(len(path), 1, -1):
            if (word := ".".join(path[:n])) in self._names:
                return word
        return path[0]


_OURS = frozenset(("answer", "config", "created", "job", "page", "polled", "slice", "target"))


def _in_url(text: str) -> str:
    return quote(text, safe="")


class _Root(Mapping[str, Json]):
    """The root context: nothing is looked up before a template asks for it."""

    def __init__(self, names: Mapping[str, str], scope: Scope, stamp: Callable[[], Json]) -> None:
        self._names, self._scope, self._stamp = names, scope, stamp

    def __getitem__(self, name: str) -> Json:
        """Raises TemplateFault for a name that this place does not see."""
        inner = {k.partition(".")[2]: v for k, v in self._names.items() if k.startswith(name + ".")}
        if name in self._scope:  # `record` where records are at hand is that record
            value = self._scope[name]
        elif name in self._names:
            value = self._laid(name, self._names[name])
        elif inner:
            value = {}
        elif "" in self._names:
            spread = self._laid("", self._names[""])
            value = (spread.fields if isinstance(spread, Handle) else spread if isinstance(spread, dict) else {}).get(name)
        else:
            raise unseen(name, self._names, self._scope)
        for path, source in inner.items():
            if source.partition(".")[0] in self._scope:
                value = _put(value if isinstance(value, dict) else {}, path.split("."), self._scope.look(source))
        return value

    def __iter__(self) -> Iterator[str]:
        return (
            n for n, at in self._names.items() if n and "." not in n and (at == "now" or at.partition(".")[0] in self._scope)
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def get(self, name: str, otherwise: Any = None) -> Any:
        return self[name]

    def _laid(self, name: str, paths: str) -> Json:
        if paths == "now":
            return self._stamp()
        sources = [p for p in paths.split(" + ") if p.partition(".")[0] in self._scope]
        if not sources:
            raise unseen(name, self._names, self._scope)
        if paths == sources[0]:
            return self._first(paths)
        plain: Json = None
        fields: dict[str, Json] = {}
        for found in map(self._first, sources):
            one = found[0] if isinstance(found, list) and found else found
            if isinstance(one, dict):
                fields.update(one)
            elif one is not None and one != []:
                plain, fields = one, {**fields, "id": one}
        return Handle(plain, fields) if plain is not None else fields or None

    def _first(self, paths: str) -> Json:
        return next((v for p in paths.split(" | ") if (v := self._scope.look(p)) is not None), None)


def _put(holder: dict[str, Json], path: list[str], value: Json) -> dict[str, Json]:
    key, *rest = path
    inner = holder.get(key)
    return {**holder, key: _put(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}
