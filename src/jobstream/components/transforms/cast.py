"""Values as the schema declares them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

import msgspec

from jobstream.components.options import Options, opt
from jobstream.kinds import Build
from jobstream.plan.notes import Json
from jobstream.records.batch import Columns, Origin, Row

_TRUE, _FALSE = ("y", "yes", "t", "true", "on", "1"), ("n", "no", "f", "false", "off", "0")


class Cast(Options, frozen=True):
    """Casts values to the types of a JSON schema, also inside objects and lists: text to number, integer and boolean, anything to text, a
    lone value to a list of it. What cannot be cast without loss stays as it is; null stays null. Where several types are declared beside
    null, nothing is cast."""

    schema: Annotated[dict[str, Json], opt("Schema", "JSON Schema of a record.")]

    def build(self, build: Build) -> object:
        return Casting(self.schema, not _casts(self.schema))


class Casting(msgspec.Struct, frozen=True):
    """on_columns: nothing is to be cast where every column is text."""

    schema: dict[str, Json]
    on_columns: bool

    def rows(self, rows: list[Row], origin: Origin) -> list[Row]:
        return [_cast(r, {"type": "object", **self.schema}) for r in rows]

    def columns(self, columns: Columns, origin: Origin) -> Columns:
        import pyarrow as pa

        if all(pa.types.is_string(f.type) for f in columns.schema):
            return columns
        return pa.RecordBatch.from_pylist(self.rows(columns.to_pylist(), origin))


def _casts(schema: Json) -> bool:
    """Whether text may become something else."""
    inside = (schema.get("properties") or {}).values()
    return any(_type(s) not in ("", "string") for s in inside)


def _type(schema: Json) -> str:
    """The one type beside null; empty where there is none, or several."""
    said = schema.get("type", ()) if isinstance(schema, dict) else ()
    types = [t for t in ([said] if isinstance(said, str) else said) if t != "null"]
    return str(types[0]) if len(types) == 1 else ""


def _cast(value: Json, schema: Json) -> Json:
    kind = _type(schema)
    if value is None or not kind:
        return value
    if kind == "object" and isinstance(value, dict):
        properties = schema.get("properties") or {}
        return {k: _cast(v, properties.get(k)) for k, v in value.items()}
    if kind == "array":
        values = value if isinstance(value, list) else [value]
        return [_cast(v, schema.get("items")) for v in values]
    make = _MAKERS.get(kind)
    try:
        return value if make is None else make(value)
    except (TypeError, ValueError, OverflowError):
        return value


def _text(value: Json) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, dict | list) else str(value)


def _number(value: Json) -> float:
    if type(value) is int:
        return value
    got = float(value)
    if not math.isfinite(got):
        raise ValueError
    return got


def _integer(value: Json) -> int:
    got = int(value)
    if isinstance(value, float) and got != value:
        raise ValueError
    return got


def _boolean(value: Json) -> bool:
    if not isinstance(value, str):
        return bool(value)
    if value.lower() not in _TRUE + _FALSE:
        raise ValueError
    return value.lower() in _TRUE


_MAKERS: dict[str, Callable[[Json], Json]] = {"string": _text, "number": _number, "integer": _integer, "boolean": _boolean}
