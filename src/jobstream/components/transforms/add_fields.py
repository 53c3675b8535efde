"""Adds fields to each record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, cast

import msgspec

from jobstream.components.options import Options, opt
from jobstream.components.transforms.filter import names_of
from jobstream.kinds import Build
from jobstream.plan.notes import TEMPLATE, Cond, Json
from jobstream.records.batch import Columns, Origin, Row
from jobstream.template.language import Scope


class FieldAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One field. type: read the rendered text as that; empty: as the template language reads it."""

    path: Annotated[tuple[str, ...], opt("Path", "Keys, and indexes of lists.", min_length=1)]
    value: Annotated[Json, TEMPLATE]
    type: Literal["", "string", "number", "integer", "boolean"] = ""


class AddFields(Options, frozen=True):
    """Sets fields of each record, in order; one that exists is replaced, parents are made. Works on columns where all values are constant
    and all paths are of one key."""

    fields: Annotated[tuple[FieldAt, ...], opt("Fields", sees="record")]
    when: Annotated[Cond, opt("Only when", "Sees `value` and `path` too.", sees="record", adds=("path",))] = ""

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
