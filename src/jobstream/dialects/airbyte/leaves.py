"""Component types that are fields against options: data, usable in both directions, and the manifest's form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from jobstream.components.catalog import Catalog
from jobstream.components.options import FormField, form
from jobstream.kinds import SEEN_FROM
from jobstream.plan.component import Component, Kind
from jobstream.plan.notes import Json

#: How a field is read. text, condition, texts, mapping: templates, rendered when they are used · the others are needed now.
How: TypeAlias = Literal["text", "condition", "texts", "mapping", "fixed", "words", "paths", "whole", "flag", "count", "nested"]


class Codec(NamedTuple):
    to_plan: Callable[[Json], Json]
    to_document: Callable[[Json], Json]


def _same(v: Json) -> Json:
    return v


def _unescaped(v: Json) -> Json:
    return (
        v.encode("latin-1", "backslashreplace").decode("unicode_escape", "replace") if isinstance(v, str) and "\\" in v else v
    )


SAME = Codec(_same, _same)
TAB = Codec(_unescaped, lambda v: v.encode("unicode_escape").decode())
QUERY = Codec(lambda v: "query" if v else "form", lambda v: v == "query")
ISO = Codec(lambda v: "iso" if v else "", lambda v: v)


class F(NamedTuple):
    field: str
    option: str = ""
    how: How = "text"
    codec: Codec = SAME
    needed: bool = False


class Leaf(NamedTuple):
    """fixed: a dialect's choice, as data: never written back."""

    kind: Kind
    name: str
    fields: tuple[F, ...] = ()
    fixed: dict[str, Json] = {}


_CSV = (F("delimiter", how="fixed", codec=TAB), F("encoding", how="fixed"), F("set_values_to_none", "nulls", "words"))
_CSV_LIKE_PYTHON: dict[str, Json] = {"ragged": "pad", "duplicates": "last"}
_SIZE = F("page_size", how="count")
LEAVES: dict[str, Leaf] = {
    "CsvDecoder": Leaf("decoder", "csv", _CSV, _CSV_LIKE_PYTHON),
    "CsvParser": Leaf("decoder", "csv", _CSV, _CSV_LIKE_PYTHON),
    "GzipDecoder": Leaf("decoder", "gzip", (F("decoder", "inner", "nested", needed=True),)),
    "GzipParser": Leaf("decoder", "gzip", (F("inner_parser", "inner", "nested", needed=True),)),
    "ZipfileDecoder": Leaf("decoder", "zip", (F("decoder", "inner", "nested", needed=True),)),
    "JsonDecoder": Leaf("decoder", "json"),
    "JsonParser": Leaf("decoder", "json", (F("encoding", how="fixed"),)),
    "JsonlDecoder": Leaf("decoder", "jsonl", fixed={"bad_line": "skip", "no_object": "keep"}),
    "JsonLineParser": Leaf("decoder", "jsonl", (F("encoding", how="fixed"),), {"bad_line": "skip", "no_object": "keep"}),
    "XmlDecoder": Leaf("decoder", "xml"),
    "BearerAuthenticator": Leaf("auth", "bearer", (F("api_token", "token", needed=True),)),
    "BasicHttpAuthenticator": Leaf("auth", "basic", (F("username", "user", needed=True), F("password"))),
    "OAuthAuthenticator": Leaf("auth", "oauth", (
        F("token_refresh_endpoint", "token_url"), F("client_id"), F("client_secret"), F("refresh_token"), F("grant_type", "grant"),
        F("scopes", how="texts"), F("refresh_request_body", "body", "mapping"), F("refresh_request_headers", "headers", "mapping"),
        F("send_refresh_request_as_query_params", "send", "flag", QUERY), F("access_token_value", "access_token"),
        F("token_expiry_date", "access_token_until"), F("token_expiry_date_format", "expiry_format", "fixed", ISO), F("client_id_name"),
        F("client_secret_name"), F("refresh_token_name"), F("grant_type_name", "grant_name"),
        F("access_token_name", how="fixed"), F("expires_in_name", how="fixed"),
        F("refresh_token_error_status_codes", "refused_codes", "fixed"), F("refresh_token_error_key", "refused_key", "fixed"),
        F("refresh_token_error_values", "refused_values", "words")), {"scopes_name": "scopes"}),
    "ListPartitionRouter": Leaf("partitions", "list", (F("cursor_field", "field", needed=True), F("values", how="texts", needed=True))),
    "RecordFilter": Leaf("transform", "filter", (F("condition", "keep", "condition", needed=True),)),
    "RemoveFields": Leaf("transform", "remove_fields", (F("field_pointers", "paths", "paths", needed=True), F("condition", "when", "condition"))),
    "KeysToLower": Leaf("transform", "keys_to_lower"),
    "KeysToSnakeCase": Leaf("transform", "keys_to_snake_case"),
    "KeysReplace": Leaf("transform", "keys_replace", (F("old", needed=True), F("new", needed=True))),
    "FlattenFields": Leaf("transform", "flatten", (F("flatten_lists", "lists", "flag"),)),
    "CursorPagination": Leaf("paginator", "cursor", (F("cursor_value", "token", needed=True), F("stop_condition", "stop", "condition"), _SIZE)),
    "OffsetIncrement": Leaf("paginator", "offset", (_SIZE, F("inject_on_first_request", "first_asked", "flag"))),
    "PageIncrement": Leaf("paginator", "page", (
        _SIZE, F("start_from_page", "start", "whole"), F("inject_on_first_request", "first_asked", "flag"))),
}  # fmt: skip
NAMED = {(leaf.kind, leaf.name): type_ for type_, leaf in reversed(LEAVES.items())}


def of_kind(kind: Kind) -> tuple[str, ...]:
    return tuple(t for t, leaf in LEAVES.items() if leaf.kind == kind)


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
            doc[f.field] = to_document(msgspec.convert(value, Component)) if f.how == "nested" else f.codec.to_document(value)
    return doc
