"""Request options: where pagers, cursors and partitions put their values into a request."""

from __future__ import annotations

from typing import NamedTuple

from jobstream.dialects.airbyte.auth import into
from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.places import Node
from jobstream.plan.exchange import Field, Name
from jobstream.plan.notes import Json


class Put(NamedTuple):
    """into: header, query, body_json or body_data. path: one key, or several inside a JSON body."""

    into: str
    path: tuple[str, ...]
    value: Field
    at: str


class Injected(NamedTuple):
    """in_path: the page token takes the place of the request's path."""

    puts: tuple[Put, ...] = ()
    in_path: bool = False

    def plus(self, other: Injected) -> Injected:
        return Injected((*self.puts, *other.puts), self.in_path or other.in_path)


def injected(c: Context, holder: Node | None, field: str, value: Field, *, may_be_path: bool = False) -> Injected:
    """What the RequestOption in a field of `holder` puts into the request."""
    types = ("RequestOption", "RequestPath") if may_be_path else ("RequestOption",)
    found = None if holder is None else c.typed(holder, field, types, "RequestOption")
    if found is None:
        return Injected()
    option, type_ = found
    if type_ == "RequestPath":
        return Injected(in_path=True)
    name = c.fixed_text(option, "field_name")
    path = (name,) if name else c.path(option)
    if not path:
        c.faults.tell("missing_field", f"{option.at}/field_name", "", "say what the option is called")
        return Injected()
    return Injected((Put(into(c, option), path, value, option.at),))


def fields(puts: tuple[Put, ...], where: str) -> dict[str, Put]:
    return {p.path[0]: p for p in puts if p.into == where}


def laid(body: Json, puts: tuple[Put, ...]) -> Json:
    """A body with the values put in; objects on the way are made. A Name inside it stays raw."""
    for p in puts:
        value: Json = {"is": "name", "name": p.value.name} if isinstance(p.value, Name) else p.value
        body = _set(body if isinstance(body, dict) else {}, p.path, value)
    return body


def _set(body: dict[str, Json], path: tuple[str, ...], value: Json) -> dict[str, Json]:
    if len(path) == 1:
        return {**body, path[0]: value}
    inner = body.get(path[0])
    return {**body, path[0]: _set(inner if isinstance(inner, dict) else {}, path[1:], value)}
