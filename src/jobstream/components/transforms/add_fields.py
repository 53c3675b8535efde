"""Adds fields to each record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, cast

import msgspec

from jobstream.components.options import Options, opt
from jobstream.components.transforms.names import is_constant, names_of
from jobstream.kinds import Build
from jobstream.plan.notes import TEMPLATE, Cond, Json
from jobstream.records.batch import Columns, Origin, Row
from jobstream.template.language import Scope

_KINDS: dict[str, tuple[type, ...]] = {"number": (int, float), "integer": (int,), "boolean": (bool,)}


class FieldAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One field. type: a rendered value of another type stays text; empty: as the template language reads it."""

    path: Annotated[tuple[str, ...], opt("Path", "Keys, and indexes of lists that are there.", min_length=1)]
    value: Annotated[Json, TEMPLATE]
    type: Literal["", "string", "number", "integer", "boolean"] = ""


class AddFields(Options, frozen=True):
    """Sets fields of each record, in order; one that exists is replaced, parents are made, lists are filled up with null. Later fields see
    earlier ones. Works on columns where all values are constant and all paths are of one key."""

    fields: Annotated[tuple[FieldAt, ...], opt("Fields", sees="record")]
    when: Annotated[Cond, opt("Only when", "Sees `value` and `path` too.", sees="record", adds=("path",))] = ""

    def build(self, build: Build) -> object:
        constant = all(is_constant(f.value) and len(f.path) == 1 for f in self.fields) and not self.when
        fields = tuple((f.path, _value(f, build)) for f in self.fields)
        return Added(fields, build.truth(self.when) if self.when else None, build.names, constant)


def _value(f: FieldAt, build: Build) -> Callable[[Scope], Json]:
    if not isinstance(f.value, str):
        return lambda names: f.value
    text, value = build.text(f.value), build.value(f.value)
    if f.type == "string":
        return text
    if not f.type:
        return value
    kinds = _KINDS[f.type]

    def typed(names: Scope) -> Json:
        got = value(names)
        return got if type(got) in kinds else text(names)

    return typed


class Added(msgspec.Struct, frozen=True):
    fields: tuple[tuple[tuple[str, ...], Callable[[Scope], Json]], ...]
    when: Callable[[Scope], bool] | None
    config: Scope
    on_columns: bool

    def rows(self, rows: list[Row], origin: Origin) -> list[Row]:
        base = names_of(origin, self.config)
        for r in rows:
            for path, value in self.fields:
                got = value(base.plus(record=r))
                if self.when is None or self.when(base.plus(record=r, value=got, path=list(path))):
                    put(r, path, got)
        return rows

    def columns(self, columns: Columns, origin: Origin) -> Columns:
        import pyarrow as pa

        out: Any = columns
        for (name,), value in self.fields:
            column = pa.array([value(self.config)] * columns.num_rows)
            at = out.schema.get_field_index(name)
            out = out.set_column(at, name, column) if at >= 0 else out.append_column(name, column)
        return cast(Columns, out)


def put(record: Row, path: tuple[str, ...], value: Json) -> None:
    """What stands in the way and can hold nothing is replaced."""
    at: Json = record
    for n, key in enumerate(path):
        last = n == len(path) - 1
        if isinstance(at, list) and key.isdigit():
            at.extend([None] * (int(key) + 1 - len(at)))
            place: Json = int(key)
            held = at[place]
        elif isinstance(at, dict):
            place, held = key, at.get(key)
        else:
            return  # a list has no such place
        if last:
            at[place] = value
        elif not isinstance(held, dict | list):
            held = at[place] = {}
        at = held
