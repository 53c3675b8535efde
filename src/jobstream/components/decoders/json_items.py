"""The items of one long JSON document, without holding it: cut at the borders of items, decoded by msgspec. So numbers and texts read as in a
short document. (ijson refuses integers of more than 64 bits where it reads floats, and takes `a.b` and `a` > `b` for the same.)"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

import msgspec

from jobstream.components.decoders.text import UNREADABLE
from jobstream.plan.notes import Json
from jobstream.records.counts import DataFault

_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"(?:[^"\\]++|\\[\s\S])*+"')
_SCALAR = re.compile(rb"[^,\]}\s]++")
#: What comes before the next thing that can change the depth, and that.
_NEXT = re.compile(rb'[^"\[\]{}]*+(?:"(?:[^"\\]++|\\[\s\S])*+"|([\[{])|([\]}]))')
#: A border between two items, with enough of both to be found again.
_BORDER = re.compile(rb'[}\]"0-9a-z]\s*,\s*(?:\{\s*"(?:[^"\\]|\\.)*"|[\["])?')
_OPEN = (b"{", b"[")


class Readable(Protocol):
    def read(self, n: int = -1) -> bytes: ...


class Items:
    """source: UTF-8, what was read of it already is `head`. block: held at a time, but for an item that is longer."""

    def __init__(self, head: bytes, source: Readable, block: int, longest: int) -> None:
        self._held, self._source, self._block, self._longest = head, source, block, longest
        self._at, self._ended = 0, False
        self._border = b""

    def at(self, path: tuple[str, ...]) -> Iterator[list[Json]]:
        """Elements of the list that lies at `path`, some at a time; anything else that lies there, alone. Raises DataFault, also for what
        stands after the document."""
        if self._sign():  # blanks alone are an empty document, as they are when short
            yield from self._inside(path)
        if self._sign():
            raise self._fault("after the end of the document")

    def _inside(self, path: tuple[str, ...]) -> Iterator[list[Json]]:
        if not path and self._sign() == b"[":
            yield from self._elements()
        elif not path:
            value = _decoded(self._taken(self._end()))
            yield [] if value is None else [value]
        elif self._sign() == b"{":
            yield from self._below(path)
        else:
            self._skip()

    def _below(self, path: tuple[str, ...]) -> Iterator[list[Json]]:
        found = False
        for key in self._keys():
            if key != path[0]:
                self._skip()
                continue
            if found:
                raise DataFault("data.json", f"the key {key!r} is there twice")
            found = True
            yield from self._inside(path[1:])

    def _keys(self) -> Iterator[str]:
        """Of an object; whoever asks for the next one has read or skipped the value."""
        self._at += 1
        if self._eaten(b"}"):
            return
        while True:
            if self._sign() != b'"':
                raise self._fault("where a key was expected")
            key = _decoded(self._taken(self._end()))
            if not self._eaten(b":"):
                raise self._fault("after a key")
            yield key
            if self._eaten(b"}"):
                return
            if not self._eaten(b","):
                raise self._fault("after a value")

    def _elements(self) -> Iterator[list[Json]]:
        self._at += 1
        if self._eaten(b"]"):
            return
        while True:
            yield self._some()
            if self._eaten(b"]"):
                return
            if not self._eaten(b","):
                raise self._fault("after an item")

    def _some(self) -> list[Json]:
        """Items up to a border near the end of what is held."""
        while len(self._held) - self._at < self._block and not self._ended:
            self._more(ok=True)
        end = self._held.rfind(self._border, self._at) if self._border else -1
        if end <= self._at:
            return self._exact(self._at)
        piece = b"".join((b"[", memoryview(self._held)[self._at : end + 1], b"]"))
        try:
            items: list[Json] = msgspec.json.decode(piece)
        except UNREADABLE:
            return self._exact(end)  # not the border it looked like; or a real fault, and that tells where
        self._at = end + 1
        return items

    def _exact(self, until: int) -> list[Json]:
        """One item, and more until one ends behind `until`."""
        items = list[Json]()
        until -= self._at
        while True:
            self._sign()
            before = self._at
            end = self._end()
            until -= end - before if self._at == before else 0
            items.append(_decoded(self._taken(end)))
            if m := _BORDER.match(self._held, self._at - 1):
                self._border = m[0]
            if until < 0 or self._sign() != b",":
                return items
            self._at += 1

    def _skip(self) -> None:
        """A value that nobody wants, in bounded memory: brackets and strings are checked, no more."""
        if self._sign() not in _OPEN:
            self._at = self._end()
            return
        depth = 0
        while True:
            m = _NEXT.match(self._held, self._at)
            if m is None:
                quote = self._held.find(b'"', self._at)
                self._at = quote if quote >= 0 else len(self._held)
                self._more()
                continue
            depth += 1 if m[1] else -1 if m[2] else 0
            self._at = m.end()
            if not depth:
                return

    def _end(self) -> int:
        """Where the value ends that begins at the next sign."""
        sign = self._sign()
        nested = sign in _OPEN
        pattern = _NEXT if nested else _STRING if sign == b'"' else _SCALAR
        at, depth = self._at, 0
        while True:
            m = pattern.match(self._held, at)
            if m is None or (pattern is _SCALAR and m.end() == len(self._held) and not self._ended):
                at -= self._at
                self._more(ok=m is not None)
                continue
            at = m.end()
            depth += 0 if not nested else 1 if m[1] else -1 if m[2] else 0
            if not depth:
                return at

    def _taken(self, end: int) -> bytes:
        piece, self._at = self._held[self._at : end], end
        return piece

    def _eaten(self, sign: bytes) -> bool:
        if self._sign() != sign:
            return False
        self._at += 1
        return True

    def _sign(self) -> bytes:
        """The next byte that is no space; b"" at the end."""
        while True:
            m = _SPACE.match(self._held, self._at)
            self._at = m.end() if m else self._at
            if self._at < len(self._held) or self._ended:
                return self._held[self._at : self._at + 1]
            self._more(ok=True)

    def _more(self, *, ok: bool = False) -> None:
        """Raises DataFault at the end, unless that is ok. What lies before `_at` is let go."""
        rest = self._held[self._at :]
        if len(rest) > self._longest:
            raise DataFault("data.json", f"an item longer than {self._longest} bytes: {rest[:80]!r}")
        chunk = b"" if self._ended else self._source.read(max(self._block, len(rest)))
        self._held, self._at, self._ended = rest + chunk, 0, not chunk
        if self._ended and not ok:
            raise DataFault("data.json", f"cut inside of {rest[:80]!r}" if rest else "cut")

    def _fault(self, where: str) -> DataFault:
        seen = self._held[self._at :][:40]
        return DataFault("data.json", f"{seen!r} {where}" if seen else f"cut {where}")


def _decoded(raw: bytes) -> Json:
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE as e:
        raise DataFault("data.json", f"{raw[:80]!r}: {e}") from e
