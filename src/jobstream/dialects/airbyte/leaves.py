"""Component types that are fields against options: data, usable in both directions, and the manifest's form."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from jobstream.components.catalog import Catalog
from jobstream.components.options import FormField, form
from jobstream.kinds import SEEN_FROM
from jobstream.plan.component import Component, Kind
from jobstream.plan.notes import Json


class Codec(NamedTuple):
    to_plan: Callable[[Json], Json]
    to_document: Callable[[Json], Json]


def literal(text: Json) -> Json:
    """The CDK evaluates every text as a Python literal; one without a template is evaluated now."""
    if not isinstance(text, str) or "{{" in text or "{%" in text:
        return text
    try:
        found = ast.literal_eval(text.strip())
        return found if isinstance(found, str) else text
    except (ValueError, SyntaxError):
        return text


def _seconds(iso: str) -> int:
    """P30D, PT1H, PT1S: a subset. Months need a calendar: the product's cursor keeps the ISO text."""
    date, _, time = iso.removeprefix("P").partition("T")
    units = {"W": 604800, "D": 86400} if date else {"H": 3600, "M": 60, "S": 1}
    text = date or time
    return int(text[:-1]) * units[text[-1]]


SAME = Codec(lambda v: v, lambda v: v)
TAB = Codec(lambda v: v.encode().decode("unicode_escape"), lambda v: v.encode("unicode_escape").decode())
TUPLE = Codec(list, list)
ISO = Codec(_seconds, lambda v: f"PT{v}S")


class F(NamedTuple):
    field: str
    option: str = ""
    codec: Codec | Literal["nested"] = SAME


class Leaf(NamedTuple):
    """fixed: a dialect's choice, as data: never written back."""

    kind: Kind
    name: str
    fields: tuple[F, ...] = ()
    fixed: dict[str, Json] = {}


LEAVES: dict[str, Leaf] = {
    "CsvDecoder": Leaf("decoder", "csv", (F("delimiter", codec=TAB), F("encoding"), F("set_values_to_none", "nulls", TUPLE)), {"ragged": "pad"}),
    "GzipDecoder": Leaf("decoder", "gzip", (F("decoder", "inner", "nested"),)),
    "JsonDecoder": Leaf("decoder", "json"),
    "JsonlDecoder": Leaf("decoder", "jsonl", fixed={"bad_line": "skip"}),
    "BearerAuthenticator": Leaf("auth", "bearer", (F("api_token", "token"),)),
    "OAuthAuthenticator": Leaf("auth", "oauth", (F("token_refresh_endpoint", "token_url"), F("client_id"), F("client_secret"), F("refresh_token"))),
    "ListPartitionRouter": Leaf("partitions", "list", (F("cursor_field", "field"), F("values", codec=TUPLE))),
    "RecordFilter": Leaf("transform", "filter", (F("condition", "keep"),)),
    "CursorPagination": Leaf("paginator", "cursor", (F("cursor_value", "token"), F("stop_condition", "stop"))),
    "DatetimeBasedCursor": Leaf("cursor", "datetime", (
        F("cursor_field", "field"), F("start_datetime", "start"), F("datetime_format", "format"), F("step", codec=ISO),
        F("cursor_granularity", "granularity", ISO), F("lookback_window", "lookback", ISO))),
}  # fmt: skip
NAMED = {(leaf.kind, leaf.name): type_ for type_, leaf in LEAVES.items()}
DEFAULT_TYPES: dict[str, str] = {"decoder": "JsonDecoder"}


def manifest_form(type_: str, catalog: Catalog) -> tuple[FormField, ...]:
    """The options' form under the manifest's own field names."""
    leaf = LEAVES[type_]
    cls = catalog.find(leaf.kind, leaf.name)
    known = {f.key: f for f in form(cls, SEEN_FROM[leaf.kind])} if cls else {}
    return tuple(msgspec.structs.replace(known[f.option or f.field], key=f.field) for f in leaf.fields)


def to_document(c: Component) -> dict[str, Json]:
    """A component back to the manifest's words. KeyError: the manifest has none for it."""
    type_ = NAMED[c.kind, c.name]
    doc: dict[str, Json] = {"type": type_}
    for f in LEAVES[type_].fields:
        if (f.option or f.field) in c.options:
            value = c.options[f.option or f.field]
            doc[f.field] = to_document(msgspec.convert(value, Component)) if f.codec == "nested" else f.codec.to_document(value)
    return doc
