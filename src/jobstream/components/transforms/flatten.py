"""Nested objects become one level."""

from __future__ import annotations

from typing import Annotated

import msgspec

from jobstream.components.options import Options, opt
from jobstream.kinds import Build
from jobstream.plan.notes import Json
from jobstream.records.batch import Columns, Origin, Row


class Flatten(Options, frozen=True):
    """Every leaf becomes a field named by its own key; where that is taken, or once a list was met, by its parent and key."""

    lists: Annotated[bool, opt("Also lists", "Elements are named by their index.")] = True

    def build(self, build: Build) -> object:
        return Flat(self.lists)


class Flat(msgspec.Struct, frozen=True):
    lists: bool
    on_columns: bool = True

    def rows(self, rows: list[Row], origin: Origin) -> list[Row]:
        return [self._flat(r) for r in rows]

    def columns(self, columns: Columns, origin: Origin) -> Columns:
        import pyarrow as pa

        if not any(pa.types.is_nested(f.type) for f in columns.schema):
            return columns
        return pa.RecordBatch.from_pylist(self.rows(columns.to_pylist(), origin))

    def _flat(self, record: Row) -> Row:
        """The last one in is the first one out, as in Airbyte: that decides which of two equal names is the plain one."""
        out: Row = {}
        met_list = False
        stack: list[tuple[str, Json]] = [("_", record)]
        while stack:
            name, value = stack.pop()
            if isinstance(value, dict):
                stack += [(f"{name}.{k}" if met_list or k in out else k, v) for k, v in value.items()]
            elif isinstance(value, list) and self.lists:
                met_list = met_list or bool(value)
                stack += [(f"{name}.{n}", v) for n, v in enumerate(value)]
            else:
                out[name] = value
        return dict(reversed(out.items()))
