"""CSV files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from jobstream.destinations.columns import Columns, declared
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
    bare; nested values are JSON text. Columns: those of the stream's schema, then as met; a record without one has a null there."""

    suffix: ClassVar[str] = ".csv"

    def write(self, out: BinaryIO, batches: Iterator[Batch], place: Place) -> int:
        return write_table(out, batches, self, Columns(declared(place.schema)), _GROUP, place.folder)

    def begin(self, out: BinaryIO, schema: Any) -> _CsvSheet:
        import pyarrow.csv as arrow

        return _CsvSheet(arrow.CSVWriter(out, schema))

    def again(self, source: BinaryIO, schema: Any) -> Iterator[Any]:
        import pyarrow.csv as arrow

        yield from arrow.open_csv(
            source, arrow.ReadOptions(use_threads=False, block_size=_LONGEST),
            arrow.ParseOptions(newlines_in_values=True),
            arrow.ConvertOptions(column_types=schema, null_values=[""], strings_can_be_null=True,
                                 quoted_strings_can_be_null=False))  # fmt: skip


class _CsvSheet:
    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def write(self, group: Any) -> None:
        self._writer.write(group)

    def close(self) -> None:
        self._writer.close()

    def drop(self) -> None:
        """Nothing is owed: a writer of text has no end."""
