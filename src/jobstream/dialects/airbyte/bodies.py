"""Request bodies: the five spellings of the language -> one Body."""

from __future__ import annotations

import json
from typing import NamedTuple

from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.injection import Put, laid
from jobstream.dialects.airbyte.places import Cell, Node
from jobstream.dialects.airbyte.texts import is_template, literal
from jobstream.plan.exchange import Body
from jobstream.plan.notes import Json

_TYPES = (
    "RequestBodyJsonObject",
    "RequestBodyUrlEncodedForm",
    "RequestBodyPlainText",
    "RequestBodyGraphQL",
    "RequestBodyGraphQlQuery",
)


class Found(NamedTuple):
    body: Body | None
    at: str = ""


def body_of(c: Context, sources: list[Node], puts: tuple[Put, ...]) -> Found:
    """sources: the requester, and its options provider where it has one. Two bodies for one request are told."""
    found = [f for node in sources for f in (_json(c, node), _data(c, node), _typed(c, node)) if f.body is not None]
    for extra in found[1:]:
        c.faults.tell("wrong_value", extra.at, "a second body", "a request has one body")
    own = found[0] if found else Found(None)
    into_json = tuple(p for p in puts if p.into == "body_json")
    into_form = tuple(p for p in puts if p.into == "body_data")
    if not into_json and not into_form:
        return own
    form = "json" if into_json else "form"
    if (own.body is not None and own.body.form != form) or (into_json and into_form):
        c.faults.tell("wrong_value", (into_json or into_form)[0].at, form, "the request has a body of another form")
        return own
    value = laid(own.body.value if own.body else {}, into_json or into_form)
    return Found(Body(form="json" if into_json else "form", value=value), own.at)


def _json(c: Context, node: Node) -> Found:
    cell = node.find("request_body_json")
    if cell is None or cell.raw in (None, "", {}):
        return Found(None)
    return Found(_mapping(c, node, cell, "json"), cell.at)


def _data(c: Context, node: Node) -> Found:
    cell = node.find("request_body_data")
    if cell is None or cell.raw in (None, "", {}):
        return Found(None)
    if isinstance(cell.raw, dict):
        return Found(_mapping(c, node, cell, "form"), cell.at)
    return Found(Body(form="text", value=c.text_of(node, cell)), cell.at)


def _typed(c: Context, node: Node) -> Found:
    found = c.typed(node, "request_body", _TYPES)
    if found is None:
        return Found(None)
    inner, type_ = found
    c.require(inner, "value")
    cell = inner.find("value")
    if cell is None or cell.raw is None:
        return Found(None)
    if type_ == "RequestBodyPlainText":
        return Found(Body(form="text", value=c.text_of(inner, cell)), cell.at)
    if type_.startswith("RequestBodyGraphQ") and isinstance(cell.raw, dict) and "query" not in c.manifest.members(cell):
        c.faults.tell("missing_field", f"{cell.at}/query", "", "a GraphQL body has a query")
    return Found(_mapping(c, inner, cell, "form" if type_ == "RequestBodyUrlEncodedForm" else "json"), cell.at)


def _mapping(c: Context, node: Node, cell: Cell, form: str) -> Body | None:
    """Of a mapping, or of a text that is one: JSON, a Python literal, or a template that renders to either."""
    raw: Json = cell.raw
    if isinstance(raw, str):
        text = c.bind(node, raw)
        raw = _parsed(text)
        if isinstance(raw, str) and is_template(text):
            return Body(form="json" if form == "json" else "form", value=text)
    else:
        raw = c.template(node, cell)
    if not isinstance(raw, dict):
        c.wrong(cell, "a mapping is expected")
        return None
    return Body(form="json" if form == "json" else "form", value={k: v for k, v in raw.items() if v is not None})


def _parsed(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return literal(text)
