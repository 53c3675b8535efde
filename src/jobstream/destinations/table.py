"""Batches into a file whose columns are fixed by its first bytes, though a batch may bring new ones later.

Batches gather to a group; the first group decides the columns and is written with them. Most parts never surprise. When a later
batch brings a column or a type that the file does not have, the rest of the part goes to a nameless file beside, and at the end
the part is written anew with all its columns: twice the work for such a part, never more, and memory stays one group."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from jobstream.destinations.columns import Columns, columns_of
from jobstream.records.batch import Batch


class Sheet(Protocol):
    """A file being written with fixed columns. close ends it; drop gives it up, after a fault."""

    def write(self, group: Any) -> None: ...
    def close(self) -> None: ...
    def drop(self) -> None: ...


class Kind(Protocol):
    """begin  starts a file of these columns · again  reads it, in batches of bounded size"""

    def begin(self, out: BinaryIO, schema: Any) -> Sheet: ...
    def again(self, source: BinaryIO, schema: Any) -> Iterator[Any]: ...


class Group(NamedTuple):
    """What is held in memory until it is written: the first bound that is reached ends it."""

    rows: int
    bytes: int


def write_table(out: BinaryIO, batches: Iterable[Batch], kind: Kind, columns: Columns, group: Group, beside: Path) -> int:
    """The number of records. `columns` may know some already, and knows all afterwards. 0: nothing was written."""
    n = 0
    with tempfile.TemporaryFile(dir=beside) as nameless, _Writing(out, kind, columns, group) as writing:
        rest = _Rest(nameless)
        for batch in batches:
            n += len(batch)
            got = columns_of(batch)
            widened = columns.take(got)
            if widened and writing.began:
                rest.keep(*writing.let_go())
            if rest.began:
                rest.keep(got)
            else:
                writing.take(got)
        writing.close()
        if rest.began:
            with tempfile.TemporaryFile(dir=beside) as first:
                _move(out, first)
                _again(kind.again(first, writing.schema), rest, _Writing(out, kind, columns, group))
    return n


def _move(out: BinaryIO, to: BinaryIO) -> None:
    out.seek(0)
    shutil.copyfileobj(out, to, 1 << 20)
    to.seek(0)
    out.seek(0)
    out.truncate()


def _again(first: Iterator[Any], rest: _Rest, whole: _Writing) -> None:
    with whole:
        for got in itertools.chain(first, rest.read()):
            whole.take(got)
        whole.close()


class _Writing:
    def __init__(self, out: BinaryIO, kind: Kind, columns: Columns, group: Group) -> None:
        self._out, self._kind, self._columns, self._group = out, kind, columns, group
        self._held: list[Any] = []
        self._rows = self._bytes = 0
        self._sheet: Sheet | None = None
        self.schema: Any = None

    @property
    def began(self) -> bool:
        return self._sheet is not None

    def take(self, batch: Any) -> None:
        """Batches larger than a group are cut, so that a group is never much larger than it may be."""
        share = max(1, batch.nbytes // max(1, self._group.bytes) + 1, -(-batch.num_rows // self._group.rows))
        step = -(-batch.num_rows // share)
        for at in range(0, batch.num_rows, step or 1):
            piece = batch.slice(at, step)
            self._held.append(piece)
            self._rows += piece.num_rows
            self._bytes += piece.nbytes
            if self._rows >= self._group.rows or self._bytes >= self._group.bytes:
                self._flush()

    def let_go(self) -> list[Any]:
        """What is held and not yet written: it can no longer be written in the columns of this file."""
        held, self._held = self._held, []
        self._rows = self._bytes = 0
        return held

    def close(self) -> None:
        if self._held:
            self._flush()
        if self._sheet is not None:
            self._sheet.close()
            self._sheet = None

    def __enter__(self) -> _Writing:
        return self

    def __exit__(self, *fault: object) -> None:
        if self._sheet is not None:
            self._sheet.drop()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._sheet is None:
            self.schema = self._columns.schema
            self._sheet = self._kind.begin(self._out, self.schema)
        self._sheet.write(pa.Table.from_batches([self._columns.fit(b) for b in self.let_go()], self.schema))


class _Rest:
    """Batches set aside, each with its own columns, in a file that has no name and so cannot be left behind."""

    def __init__(self, file: Any) -> None:
        self._file, self.began = file, False

    def keep(self, *batches: Any) -> None:
        """From the first call on the part goes here."""
        import pyarrow as pa

        self.began = True
        for batch in batches:
            with pa.ipc.new_stream(self._file, batch.schema) as stream:
                stream.write_batch(batch)

    def read(self) -> Iterator[Any]:
        import pyarrow as pa

        self._file.seek(0)
        while self._file.read(1):
            self._file.seek(-1, 1)
            with pa.ipc.open_stream(self._file) as stream:
                yield from stream
