"""A new record from parts of the old."""

from __future__ import annotations

from typing import Annotated

import msgspec

from jobstream.components.options import Options, opt
from jobstream.kinds import Build
from jobstream.records.batch import Columns, Origin, Row
from jobstream.template.reshape import reshaped


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    extract: Annotated[str, opt("From", "Dots, JSONPath where it begins with $, or slashes.", min_length=1)]
    generate: Annotated[str, opt("To", "A name, or dots.", min_length=1)]


class Reshape(Options, frozen=True):
    """Each record becomes an object of the parts that are named; a part that is not there is left out, all else is dropped."""

    fields: Annotated[tuple[Part, ...], opt("Parts", min_length=1)]

    def build(self, build: Build) -> object:
        return Reshaped(tuple((p.extract, p.generate) for p in self.fields))


class Reshaped(msgspec.Struct, frozen=True):
    parts: tuple[tuple[str, str], ...]
    on_columns: bool = False

    def rows(self, rows: list[Row], origin: Origin) -> list[Row]:
        return [reshaped(r, self.parts) for r in rows]

    def columns(self, columns: Columns, origin: Origin) -> Columns:
        import pyarrow as pa

        return pa.RecordBatch.from_pylist(self.rows(columns.to_pylist(), origin))
