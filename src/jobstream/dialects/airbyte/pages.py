"""Reference pages, read off the compiler's own tables: compatibility, and what may stand under x-jobstream."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jobstream.dialects.airbyte.extras import INSIDE, PLACES, Extra
from jobstream.dialects.airbyte.known import KNOWN, REFUSED, Known
from jobstream.plan.notes import Json

_HEAD = """# Airbyte's manifest language: what is supported

One row for each component and field. *supported*: as in Airbyte. *differs*: used, with the difference that is named.
*ignored*: has no effect, told as a warning. *refused*: told as a mistake, nothing is sent.

Every component may also have `type` and `$parameters`; a type that is left out follows from the place. `Custom*` names an
installed component by its `class_name` (entry points `jobstream.components`); a class path is never run. An unknown field is a
warning, at the root a mistake. What the language lacks stands under `x-jobstream`: see `x-jobstream.md`.

| component | field | here | note |
|---|---|---|---|
"""


def compatibility() -> str:
    """docs/compat/airbyte.md, whole."""
    rows = [row for name in sorted(KNOWN) for row in _rows(name, KNOWN[name])]
    rows += [f"| {name} | | refused | {_cell(why)} |" for name, why in sorted(REFUSED.items())]
    return _HEAD + "\n".join(rows) + "\n"


def _rows(name: str, known: Known) -> Iterator[str]:
    if not known.fields:
        yield f"| {name} | | supported | |"
    for field in known.used:
        yield f"| {name} | `{field}` | {'differs' if field in known.differs else 'supported'} | {_cell(known.differs.get(field, ''))} |"
    for field, why in known.ignored.items():
        yield f"| {name} | `{field}` | ignored | {_cell(why)} |"
    for field, why in known.refused.items():
        yield f"| {name} | `{field}` | refused | {_cell(why)} |"


def extension_tables() -> tuple[str, ...]:
    """One table for each place, and for each object inside; in docs/x-jobstream.md."""
    return tuple(_table(cls) for cls in (*PLACES, *INSIDE))


def _table(cls: type[Extra]) -> str:
    schema = msgspec.json.schema(cls)
    body = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    needed = body.get("required", ())
    rows = [f"| `{k}` | {_type(s)} | {'needed' if k in needed else _default(s)} | {_cell(s.get('description', ''))} |"
            for k, s in body["properties"].items()]  # fmt: skip
    return "\n".join(["| key | type | default | what |", "|---|---|---|---|", *rows])


def _type(s: dict[str, Json]) -> str:
    shapes = [a for a in s.get("anyOf", [s]) if a.get("type") != "null"]
    shape = shapes[0] if shapes else s
    if "$ref" in shape:
        return str(shape["$ref"]).rpartition("/")[2]
    if "enum" in shape:
        return " or ".join(f"`{v}`" for v in shape["enum"] if v is not None)
    return {"array": "list of texts", "string": "text", "object": "mapping"}.get(
        shape.get("type", ""), str(shape.get("type", ""))
    )


def _default(s: dict[str, Json]) -> str:
    value = s.get("default")
    return "" if value in (None, "", []) else f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
