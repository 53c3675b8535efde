"""CSV files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from jobstream.destinations.columns import Columns, declared, spelled
from jobstream.destinations.table import Group, write_table
from jobstream.plan.component import Frozen
from jobstream.records.batch import Batch

if TYPE_CHECKING:
    from jobstream.destinations.files import Place

_GROUP = Group(rows=65_536, bytes=8 << 20)
_LONGEST = 32 << 20  # bytes of a record, where a file must be read again


class Csv(Frozen, frozen=True, kw_only=True):
    """Comma-separated text with a header in every file, UTF-8, lines ending with a line feed, quoted as RFC 4180 says.

    Every text is in quotes and exactly as it was, so an empty text (`""`) and a null (nothing) differ. Numbers and truths stand
    bare; nested values are JSON text. Columns: those of the stream's schema, then as met; a record without one has a null there. In
    a file of one column a null is an empty text too: an empty line would be no record."""

    suffix: ClassVar[str] = ".csv"

    def write(self, out: BinaryIO, batches: Iterator[Batch], place: Place) -> int:
        return write_table(out, batches, self, Columns(declared(place.schema)), _GROUP, place.folder)

    def begin(self, out: BinaryIO, schema: Any) -> _CsvSheet:
        import pyarrow.csv as arrow

        bare = len(schema) == 1
        return _CsvSheet(arrow.CSVWriter(out, _texts(schema) if bare else schema), bare)

    def again(self, source: BinaryIO, schema: Any) -> Iterator[Any]:
        import pyarrow.csv as arrow

        bare = len(schema) == 1
        for batch in arrow.open_csv(
            source, arrow.ReadOptions(use_threads=False, block_size=_LONGEST),
            arrow.ParseOptions(newlines_in_values=True),
            arrow.ConvertOptions(column_types=_texts(schema) if bare else schema, null_values=[""], strings_can_be_null=True,
                                 quoted_strings_can_be_null=False)):  # fmt: skip
            yield _typed(batch, schema) if bare else batch


class _CsvSheet:
    """bare: it has one column. An empty line is no record to most readers, so a null stands there as an empty text."""

    def __init__(self, writer: Any, bare: bool) -> None:
        self._writer, self._bare = writer, bare

    def write(self, group: Any) -> None:
        self._writer.write(_spelled(group) if self._bare else group)

    def close(self) -> None:
        self._writer.close()

    def drop(self) -> None:
        """Nothing is owed: a writer of text has no end."""


def _texts(schema: Any) -> Any:
    import pyarrow as pa

    return pa.schema([(name, pa.string()) for name in schema.names])


def _spelled(group: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    pieces = [spelled(piece) for piece in group.column(0).chunks]
    return pa.table([pc.fill_null(pa.chunked_array(pieces, pa.string()), pa.scalar(""))], names=group.schema.names)


def _typed(batch: Any, schema: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, texts = schema.types[0], batch.column(0)
    if kind == pa.string():
        return batch
    empty = pc.equal(texts, pa.scalar(""))
    held: Any = pc.if_else(empty, pa.nulls(len(texts), pa.string()), texts)
    values = pa.nulls(len(texts)) if kind == pa.null() else held.cast(kind)
    return pa.RecordBatch.from_arrays([values], schema=schema)
