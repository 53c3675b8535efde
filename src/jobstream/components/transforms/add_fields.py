"""Adds fields to each record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, cast

import msgspec

from jobstream.components.options import Options, opt
from jobstream.components.transforms.filter import names_of
from jobstream.kinds import Build
from jobstream.plan.notes import Json, Text
from jobstream.records.batch import Columns, Origin, Row
from jobstream.template.language import Scope


class AddFields(Options, frozen=True):
    """Sets fields of each record, in order; one that exists is replaced. Works on columns when no value is a template."""

    fields: Annotated[dict[str, Text], opt("Fields", "Name and value.", sees="record")]

    def build(self, build: Build) -> object:
        constant = not any("{{" in v or "{%" in v for v in self.fields.values())
        return Added({k: build.value(v) for k, v in self.fields.items()}, constant)


class Added(msgspec.Struct, frozen=True):
    fields: Mapping[str, Callable[[Scope], Json]]
    on_columns: bool

    def rows(self, rows: list[Row], origin: Origin) -> list[Row]:
        base = names_of(origin)
        for r in rows:
            for k, value in self.fields.items():
                r[k] = value(base.plus(record=r))
        return rows

    def columns(self, columns: Columns, origin: Origin) -> Columns:
        import pyarrow as pa

        out: Any = columns
        for k, value in self.fields.items():
            column = pa.array([value(Scope({}))] * columns.num_rows)
            at = out.schema.get_field_index(k)
            out = out.set_column(at, k, column) if at >= 0 else out.append_column(k, column)
        return cast(Columns, out)
