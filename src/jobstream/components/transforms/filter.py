"""Keeps the records for which a condition holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from jobstream.components.options import Options, opt
from jobstream.components.transforms.names import names_of
from jobstream.kinds import Build
from jobstream.plan.notes import Cond
from jobstream.records.batch import Columns, Origin, Row
from jobstream.template.language import Scope

_EQUAL = re.compile(r"^\{\{\s*record(?:\.([A-Za-z_]\w*)|\['([^'\\]+)'\])\s*==\s*'([^'{}\\]*)'\s*\}\}$")


class Filter(Options, frozen=True):
    """Keeps the records for which the condition holds. Works on columns when it compares one field with one text."""

    keep: Annotated[Cond, opt("Keep when", "Such as {{ record.state == 'open' }}. Empty: none is kept.", sees="record")]

    def build(self, build: Build) -> object:
        m = _EQUAL.match(self.keep.strip())
        return Keep(
            build.truth(self.keep) if self.keep.strip() else lambda names: False,
            (m[1] or m[2], m[3]) if m else None,
            build.names,
        )


class Keep(msgspec.Struct, frozen=True):
    holds: Callable[[Scope], bool]
    equals: tuple[str, str] | None
    config: Scope

    @property
    def on_columns(self) -> bool:
        return self.equals is not None

    def rows(self, rows: list[Row], origin: Origin) -> list[Row]:
        base = names_of(origin, self.config)
        return [r for r in rows if self.holds(base.plus(record=r))]

    def columns(self, columns: Columns, origin: Origin) -> Columns:
        import pyarrow as pa
        import pyarrow.compute as pc

        assert self.equals is not None
        name, text = self.equals
        if name not in columns.schema.names or not pa.types.is_string(columns.column(name).type):
            return columns.slice(0, 0)  # what is no text equals no text
        equal: Any = pc.equal
        return columns.filter(equal(columns.column(name), text))
