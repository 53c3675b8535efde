"""Parquet files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, ClassVar, Literal

from jobstream.destinations.columns import Columns, declared
from jobstream.destinations.place import locked, put
from jobstream.destinations.table import Group, write_table
from jobstream.plan.component import Frozen
from jobstream.plan.notes import opt
from jobstream.records.batch import Batch

if TYPE_CHECKING:
    from jobstream.destinations.files import Place

SCHEMA = "_common_metadata"  # the columns of all files of the stream: readers of Parquet folders know the name


class Parquet(Frozen, frozen=True, kw_only=True):
    """Parquet, a file for each part; every file of a stream can be read with the columns of `_common_metadata` beside them.

    Text stays text, exactly; JSON numbers and truths keep their type; nested values are JSON text. A column that holds several
    types is text. Columns: those of the stream's schema, then those of earlier parts, then as met."""

    suffix: ClassVar[str] = ".parquet"

    compression: Annotated[Literal["zstd", "snappy", "gzip", "lz4", "none"], opt("Compression")] = "zstd"
    group_rows: Annotated[int, opt("Row group", "At most, in a row group.", unit="rows", ge=1, advanced=True)] = 1 << 18
    group_bytes: Annotated[
        int, opt("Row group size", "Held in memory for each file being written.", unit="bytes", ge=1 << 16, advanced=True)
    ] = 32 << 20

    def write(self, out: BinaryIO, batches: Iterator[Batch], place: Place) -> int:
        columns = Columns(declared(place.schema))
        self._learn(columns, place.folder)
        n = write_table(out, batches, self, columns, Group(self.group_rows, self.group_bytes), place.folder)
        if n:
            self._remember(columns, place.folder)
        return n

    def begin(self, out: BinaryIO, schema: Any) -> _ParquetSheet:
        import pyarrow.parquet as pq

        return _ParquetSheet(pq.ParquetWriter(out, schema, compression=self.compression), self.group_rows)

    def again(self, source: BinaryIO, schema: Any) -> Iterator[Any]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(source, pre_buffer=False) as file:
            yield from file.iter_batches(batch_size=16_384, use_threads=False)

    def _learn(self, columns: Columns, folder: Path) -> None:
        """What earlier parts had, so that a column keeps its type where it can."""
        import pyarrow.parquet as pq

        file = folder / SCHEMA
        if file.exists():
            for field in pq.read_schema(io.BytesIO(file.read_bytes())):
                columns.add(field.name, field.type)

    def _remember(self, columns: Columns, folder: Path) -> None:
        """Before the part is to be seen, so that who reads by it misses nothing; parts written at once are brought together."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with locked(folder):
            file, all_ = folder / SCHEMA, Columns()
            self._learn(all_, folder)
            before = all_.schema
            for field in columns.schema:
                all_.add(field.name, field.type)
            if all_.schema != before:
                raw = pa.BufferOutputStream()
                pq.write_metadata(all_.schema, raw)
                put(file, raw.getvalue().to_pybytes())


class _ParquetSheet:
    def __init__(self, writer: Any, rows: int) -> None:
        self._writer, self._rows = writer, rows

    def write(self, group: Any) -> None:
        self._writer.write_table(group, row_group_size=self._rows)

    def close(self) -> None:
        self._writer.close()

    def drop(self) -> None:
        """Without this the writer would end its file when it is collected, when the file is closed already."""
        with suppress(OSError, ValueError):
            self._writer.close()
