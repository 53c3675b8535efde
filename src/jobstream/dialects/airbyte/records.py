"""Bytes -> records: decoder, path, filter and transformations; and the schema of a record."""

from __future__ import annotations

from typing import NamedTuple

from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.faults import near
from jobstream.dialects.airbyte.items import by_item
from jobstream.dialects.airbyte.leaf import leaf
from jobstream.dialects.airbyte.leaves import of_kind
from jobstream.dialects.airbyte.places import Node
from jobstream.dialects.airbyte.tables import NO_VALUES
from jobstream.plan.component import Component
from jobstream.plan.exchange import Read
from jobstream.plan.notes import Json
from jobstream.plan.stream import Records

_TYPES = ("", "string", "number", "integer", "boolean")


class Extracted(NamedTuple):
    """decoder: an extractor that reads the file itself brings its own."""

    read: Read
    decoder: Component | None = None
    at: str = ""


def decoder(c: Context, retriever: Node, field: str) -> Component:
    made = leaf(c, c.node(retriever, field), "decoder")
    return made or c.made(Component("decoder", "json"), retriever.place(field))


def extracted(c: Context, holder: Node, field: str, *, file: bool = False) -> Extracted:
    """file: where the extractor reads a downloaded file, it may be ResponseToFileExtractor."""
    types = ("DpathExtractor", "ResponseToFileExtractor") if file else ("DpathExtractor",)
    found = c.typed(holder, field, types, "DpathExtractor")
    if found is None:
        return Extracted(Read(falsy="drop"), at=holder.place(field))
    node, type_ = found
    if type_ == "DpathExtractor":
        c.require(node, "field_path")
        return Extracted(Read(c.path(node), falsy="drop"), at=node.place("field_path"))
    nulls = [""] if c.flag(node, "preserve_na_values") else list(NO_VALUES)
    csv = Component("decoder", "csv", {"nulls": nulls, "ragged": "pad", "duplicates": "rename"})
    return Extracted(Read(falsy="drop"), c.made(csv, node.at), node.at)


def records(c: Context, stream: Node, retriever: Node, schema: dict[str, Json] | None, *, is_async: bool) -> Records:
    """On an asynchronous stream `download_extractor` selects; absent, the record selector's path does."""
    selector = c.required(retriever, "record_selector", ("RecordSelector",), "RecordSelector")
    own = is_async and retriever.find("download_extractor") is not None
    holder, field = (retriever, "download_extractor") if own or selector is None else (selector[0], "extractor")
    if holder is not retriever and not is_async:
        c.require(holder, field)
    got = extracted(c, holder, field, file=is_async)
    if own and selector is not None and selector[0].find("extractor") is not None:
        extracted(c, selector[0], "extractor")  # its mistakes are told, though it selects nothing
    made = decoder(c, retriever, "download_decoder" if is_async else "decoder")
    transforms = _transforms(c, stream, selector[0] if selector else None, schema)
    read, format_ = by_item(c, retriever, got.read, got.decoder or made) if is_async else (got.read, got.decoder or made)
    out = Records(decoder=format_, select=read, transforms=transforms)
    return c.made(out, retriever.at, select=got.at, decoder=retriever.place("download_decoder" if is_async else "decoder"))


def _transforms(c: Context, stream: Node, selector: Node | None, schema: dict[str, Json] | None) -> tuple[Component, ...]:
    """Filter first, then the transformations, unless the selector says the other way; the schema's types last."""
    keep = _filter(c, selector) if selector is not None else []
    shaped = [t for n in c.nodes(stream, "transformations") if (t := _transformation(c, n)) is not None]
    turned = selector is not None and c.flag(selector, "transform_before_filtering")
    cast = _cast(c, selector, schema) if selector is not None else []
    return (*(shaped + keep if turned else keep + shaped), *cast)


def _filter(c: Context, selector: Node) -> list[Component]:
    node = c.node(selector, "record_filter")
    if node is None:
        return []
    cell = node.fields.get("condition")
    if cell is not None and cell.raw == "":
        c.faults.tell("wrong_value", cell.at, "an empty condition", "Airbyte drops every record then: leave the filter out")
    made = leaf(c, node, "transform", "RecordFilter", ("RecordFilter",))
    return [] if made is None else [made]


def _transformation(c: Context, node: Node) -> Component | None:
    if c.type_of(node) == "AddFields":
        return _add_fields(c, node)
    return leaf(c, node, "transform", types=("AddFields", *(t for t in of_kind("transform") if t != "RecordFilter")))


def _add_fields(c: Context, node: Node) -> Component:
    c.check(node, "AddFields")
    c.require(node, "fields")
    fields: list[Json] = []
    places: dict[str, str] = {}
    for i, f in enumerate(c.nodes(node, "fields")):
        c.known(f, ("AddedFieldDefinition",), "AddedFieldDefinition")
        c.require(f, "path", "value")
        kind = c.text(f, "value_type")
        if kind not in _TYPES:
            c.faults.tell("wrong_value", f.place("value_type"), kind, near(kind, _TYPES[1:]))
        cell = f.find("value")
        value = {"path": list(c.path(f, "path")), "value": "" if cell is None else c.template(f, cell)}
        fields.append({**value, **({"type": kind} if kind in _TYPES[1:] else {})})
        places |= {f"options/fields/{i}/value": f.place("value"), f"options/fields/{i}/path": f.place("path")}
    options: dict[str, Json] = {"fields": fields}
    if when := c.condition(node, "condition"):
        options["when"] = when
        places["options/when"] = node.place("condition")
    return c.made(Component("transform", "add_fields", options), node.at, **places)


def _cast(c: Context, selector: Node, schema: dict[str, Json] | None) -> list[Component]:
    node = selector.find("schema_normalization")
    if node is None or node.raw in (None, "None"):
        return []
    if node.raw != "Default":
        what = "not_supported" if isinstance(node.raw, dict) else "wrong_value"
        c.faults.tell(what, node.at, repr(node.raw), "Default or None is expected")
        return []
    if schema is None:
        c.faults.warn("ignored", node.at, "Default", "the stream has no schema")
        return []
    return [c.made(Component("transform", "cast", {"schema": schema}), node.at)]


def schema(c: Context, stream: Node) -> dict[str, Json] | None:
    """Of several loaders the first wins where two have a property."""
    found: list[dict[str, Json]] = []
    for node in c.nodes(stream, "schema_loader"):
        loader = c.known(node, ("InlineSchemaLoader",), "JsonFileSchemaLoader")
        cell = None if loader is None else loader[0].find("schema")
        if cell is None or cell.raw is None:
            continue
        got = c.manifest.plain(cell)
        if isinstance(got, dict):
            found.append(got)
        else:
            c.wrong(cell, "a JSON schema is expected")
    if not found:
        return None
    properties = {k: v for s in reversed(found) if isinstance(s.get("properties"), dict) for k, v in s["properties"].items()}
    return {**found[0], **({"properties": properties} if properties else {})}
