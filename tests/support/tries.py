"""What the tests of components share: a source that hands out odd pieces, decoding to rows, one way to say how many examples."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

from hypothesis import settings

from jobstream.components.catalog import Catalog
from jobstream.plan.component import Component, Kind
from jobstream.plan.notes import Json
from jobstream.records.counts import Tally
from jobstream.template.jinja import Jinja
from jobstream.template.language import Scope

many = settings(max_examples=2000 if "--long" in sys.argv else 100, deadline=None)
some = settings(max_examples=500 if "--long" in sys.argv else 50, deadline=None)


class Dribble(io.BytesIO):
    """Gives at most `n` bytes at a time."""

    def __init__(self, raw: bytes, n: int) -> None:
        super().__init__(raw)
        self._n = n

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._n if size is None or size < 0 else min(size, self._n))


def built(kind: Kind, name: str, config: Json = None, /, *, language: Any = None, **options: Any) -> Any:
    """A component as the engine gets it. Options go through JSON's types."""
    return Catalog(config=config).build(Component(kind, name, options), language or Jinja())


def rows_of(decoder: Any, source: bytes | BinaryIO, tally: Tally | None = None, names: Scope | None = None) -> list[Any]:
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    return [r for b in decoder.decode(stream, tally or Tally(), names or Scope({})) for r in b.rows()]


def pieces(raw: bytes, n: int) -> Iterator[bytes]:
    return (raw[i : i + n] for i in range(0, len(raw), n))
