"""The columns of a part: what type each has, how types that meet become one, how a batch is brought into them.

    nothing < truth, whole number < number, text, any other Arrow type        and text above all

Nested values are JSON text. Decision 2 says why; no value is ever changed but in its spelling."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from jobstream.plan.notes import Json
from jobstream.records.batch import Batch, Row
from jobstream.records.counts import DataFault

_EXACT = 1 << 53  # whole numbers up to here are exact as floating point
_DECLARED = {
    "string": "string",
    "integer": "int64",
    "number": "double",
    "boolean": "bool",
    "object": "string",
    "array": "string",
}


class Columns:
    """Grows with each batch that it takes; never shrinks. Order: as met."""

    def __init__(self, fields: Iterable[tuple[str, Any]] = ()) -> None:
        self._types: dict[str, Any] = dict(fields)
        self._big: set[str] = set()  # has whole numbers that floating point would round

    @property
    def schema(self) -> Any:
        import pyarrow as pa

        return pa.schema(list(self._types.items()))

    def take(self, columns: Any) -> bool:
        """Whether the batch brought a new column or type."""
        before = dict(self._types)
        for name, column in zip(columns.schema.names, columns.columns, strict=True):
            if _is_big(column):
                self._big.add(name)
            self._types[name] = self._met(name, self._types.get(name), column.type)
        return before != self._types

    def add(self, name: str, kind: Any) -> None:
        self._types[name] = self._met(name, self._types.get(name), kind)

    def fit(self, columns: Any) -> Any:
        """The batch in these columns, which have taken it before: absent ones are null."""
        import pyarrow as pa

        held = dict(zip(columns.schema.names, columns.columns, strict=True))
        arrays = [
            pa.nulls(columns.num_rows, kind) if name not in held else _as(held[name], kind)
            for name, kind in self._types.items()
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _met(self, name: str, a: Any, b: Any) -> Any:
        import pyarrow as pa

        if a is None or a == b or pa.types.is_null(a):
            return b
        if pa.types.is_null(b):
            return a
        if {a, b} == {pa.int64(), pa.float64()} and name not in self._big:
            return pa.float64()
        return pa.string()


def declared(schema: Json) -> list[tuple[str, Any]]:
    """The columns that a JSON Schema names, with the one type that each allows; text where it allows several or says none."""
    import pyarrow as pa

    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return []
    kinds = {"string": pa.string(), "int64": pa.int64(), "double": pa.float64(), "bool": pa.bool_()}
    return [(name, kinds[_declared(said)]) for name, said in properties.items()]


def _declared(said: Json) -> str:
    types = said.get("type") if isinstance(said, dict) else None
    named = {_DECLARED.get(t, "string") for t in ([types] if isinstance(types, str) else types or []) if t != "null"}
    if named == {"int64", "double"}:
        return "double"
    return named.pop() if len(named) == 1 else "string"


def columns_of(batch: Batch) -> Any:
    """An Arrow batch whose columns are nothing, truth, int64, double, text or a plain Arrow type of one value a row."""
    import pyarrow as pa

    if not batch.has_columns:
        return _columns_of_rows(batch.rows())
    names = batch.data.schema.names
    if len(set(names)) < len(names):
        return _columns_of_rows(batch.rows())
    given = batch.data.columns
    arrays = [_plain(c) for c in given]
    if all(a is b for a, b in zip(arrays, given, strict=True)):
        return batch.data
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _columns_of_rows(rows: list[Row]) -> Any:
    import pyarrow as pa

    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        raise DataFault("data.columns", f"{len(rows)} records without any member", "/records/select")
    arrays = [_array([row.get(name) for row in rows]) for name in names]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _array(values: list[Json]) -> Any:
    import pyarrow as pa

    kinds = {type(v) for v in values} - {type(None)}
    try:
        if not kinds:
            return pa.nulls(len(values))
        if kinds == {bool}:
            return pa.array(values, pa.bool_())
        if kinds == {int}:
            return pa.array(values, pa.int64())
        if kinds == {float} or (kinds == {int, float} and all(abs(v) <= _EXACT for v in values if type(v) is int)):
            return pa.array(values, pa.float64())
    except OverflowError:
        pass
    try:
        return pa.array(values if kinds == {str} else [_text(v) for v in values], pa.string())
    except UnicodeEncodeError as e:
        raise DataFault("data.text", f"half a character: {e.object[e.start : e.end]!r}") from e


def _text(value: Json) -> str | None:
    plain = msgspec.to_builtins(value)  # instants, decimals and bytes have a text of their own
    return plain if plain is None or isinstance(plain, str) else msgspec.json.encode(plain).decode()


def _plain(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, t = column.type, pa.types
    if t.is_dictionary(kind):
        return _plain(pc.cast(column, kind.value_type))
    if t.is_integer(kind) and kind != pa.int64():
        big = t.is_uint64(kind) and column.null_count < len(column) and pc.max(column).as_py() >= 1 << 63
        return pc.cast(column, pa.string() if big else pa.int64())
    if t.is_floating(kind) and kind != pa.float64():
        return pc.cast(column, pa.float64())
    if t.is_large_string(kind) or t.is_string_view(kind):
        return pc.cast(column, pa.string())
    if t.is_nested(kind):
        return pa.array([_text(v) for v in column.to_pylist()], pa.string())
    return column


def spelled(column: Any) -> Any:
    """The values as text: JSON text where they are not text already."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, t = column.type, pa.types
    if t.is_string(kind) or t.is_null(kind) or t.is_integer(kind) or t.is_boolean(kind):
        return pc.cast(column, pa.string())
    return pa.array([_text(v) for v in column.to_pylist()], pa.string())


def _as(column: Any, kind: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type == kind:
        return column
    return spelled(column) if kind == pa.string() else pc.cast(column, kind)


def _is_big(column: Any) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type != pa.int64() or column.null_count == len(column):
        return False
    ends: Any = pc.min_max(column)
    return bool(ends["min"].as_py() < -_EXACT or ends["max"].as_py() > _EXACT)
