"""The OpenAPI 3.1 document: operations in the words of their routes, schemas from the forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from jobstream.api.forms.token import AccessTokenRequest
from jobstream.api.kinds import KINDS, Kind
from jobstream.api.problem import JSON

Json = dict[str, Any]
_TEXT: Json = {"type": "string"}
_ID: Json = {"type": "string", "format": "objectId", "pattern": "^[0-9a-fA-F]{24}$"}
_DATE: Json = {"type": "string", "format": "date-time", "readOnly": True}

#: status -> name of the response
_REFUSALS = {
    "400": "400-bad-request", "401": "401-unauthorized", "403": "403-forbidden", "404": "404-not-found", "408": "408-timeout",
    "413": "413-too-large", "415": "415-unsupported-media-type", "422": "422-unprocessable-entity", "429": "429-rate-limited",
}  # fmt: skip


class Operation(NamedTuple):
    """One operation of the reference. answers: status -> (description, schema or None) · refuses: statuses beside 401, 403, 429."""

    id: str
    tag: str
    summary: str
    answers: Mapping[str, tuple[str, Json | None]]
    refuses: Sequence[str] = ()
    body: Json | None = None
    query: Sequence[Json] = ()
    path: Sequence[str] = ()

    def extra(self) -> Json:
        """What FastAPI is told beside the route."""
        found: Json = {"operationId": self.id, "responses": self._responses()}
        parameters = [_parameter("path", name, _ID if name == "_id" else _TEXT) for name in self.path]
        if parameters or self.query:
            found["parameters"] = [*parameters, *self.query]
        if self.body is not None:
            found["requestBody"] = {"required": True, "content": {JSON: {"schema": self.body}}}
        return found

    def _responses(self) -> Json:
        good = {s: {"description": text, **({"content": {JSON: {"schema": schema}}} if schema else {})}
                for s, (text, schema) in self.answers.items()}  # fmt: skip
        bodies = ("408", "413", "415") if self.body is not None else ()
        refused = sorted({"401", "403", "429", *self.refuses, *bodies})
        return {**good, **{s: {"$ref": f"#/components/responses/{_REFUSALS[s]}"} for s in refused}}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def many(schema: Json) -> Json:
    return {"type": "array", "items": schema}


def _parameter(place: str, name: str, schema: Json, description: str = "") -> Json:
    more = {"description": description} if description else {}
    return {"name": name, "in": place, "required": place == "path", "schema": schema, **more}


COUNT: Json = {"type": "integer", "minimum": 0, "maximum": 999999999}
PAGES = (
    _parameter("query", "limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1000}, "Resources of a page."),
    _parameter("query", "skip", COUNT, "Resources before the page."),
    _parameter(
        "query", "include", {"type": "string", "pattern": "^[A-Za-z0-9._,]*$"}, "A summary: _id, name and these fields."
    ),
    _parameter("query", "exclude", {"type": "string", "pattern": "^[A-Za-z0-9._,]*$"}, "All but these fields."),
)
AUDITED = (
    _parameter("query", "action", {"enum": ["create", "update", "delete", "restore", "purge"]}),
    _parameter("query", "_byUserId", _ID, "The token that wrote."),
    _parameter("query", "source", _TEXT, "There is only `api`."),
    _parameter("query", "from", _TEXT, "Date, date-time or epoch milliseconds."),
    _parameter("query", "to", _TEXT),
    _parameter("query", "limit", COUNT),
    _parameter("query", "offset", COUNT),
)
AUDITED_ALL = (
    *AUDITED,
    _parameter("query", "resourceType", _TEXT),
    _parameter("query", "_resourceId", _ID),
)


def components() -> Json:
    return {
        "schemas": _schemas(),
        "responses": _responses(),
        "securitySchemes": {"bearerAuth": {"type": "http", "scheme": "bearer"}},
    }


def _schemas() -> Json:
    forms = [*((k.form, k.model) for k in KINDS.values()), (AccessTokenRequest, "AccessToken")]
    adapters: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (model, "validation", TypeAdapter(form)) for form, model in forms
    ]
    _, found = TypeAdapter.json_schemas(adapters, ref_template="#/components/schemas/{model}")
    schemas: Json = _untitled(found["$defs"])
    for kind in KINDS.values():
        schemas[kind.model] = _answered(kind, schemas[f"{kind.model}Request"])
    token = schemas["AccessTokenRequest"]
    extra = {"token": {"type": "string", "description": "The token, in the answer to its creation; six stars ever after."},
             "scopes": many({"enum": ["read", "run", "manage"]}), "createdAt": _DATE, "lastModified": _DATE}  # fmt: skip
    schemas["AccessToken"] = {**token, "description": "A token of the account.",
                              "properties": {"_id": {**_ID, "readOnly": True}, **token["properties"], **extra}}  # fmt: skip
    return {**schemas, **_COMMON}


def _answered(kind: Kind, request: Json) -> Json:
    """The schema of answers: what the request may hold, and what the server adds."""
    dates = {"createdAt": _DATE} if kind.dated else {}
    properties = {"_id": {**_ID, "readOnly": True}, **request["properties"], **dates, "lastModified": _DATE}
    required = ["_id", *request["required"], *kind.defaults, *(d for d in ("createdAt",) if kind.dated), "lastModified"]
    return {"type": "object", "description": f"Of {kind.tag.lower()}, one.", "properties": properties, "required": required}


def _untitled(value: Any) -> Any:
    """Without the titles that pydantic makes of names."""
    if isinstance(value, dict):
        return {k: _untitled(v) for k, v in value.items() if not (k == "title" and isinstance(v, str))}
    return [_untitled(v) for v in value] if isinstance(value, list) else value


_COMMON: Json = {
    "Error": {
        "type": "object",
        "description": "Every error but 401.",
        "required": ["errors"],
        "properties": {"errors": {"type": "array", "minItems": 1, "items": {
            "type": "object",
            "required": ["message"],
            "properties": {
                "code": {"oneOf": [_TEXT, {"type": "integer"}], "description": "An integer where it mirrors a remote status."},
                "message": _TEXT,
                "field": {"type": "string", "description": "The place in the document, as http.status._exportId."},
                "source": {"type": "string", "description": "application: the remote system; connector: we refused."},
            },
        }}},
    },
    "DependencyResponse": {
        "type": "object",
        "description": "Plural kinds, and what of each names the resource. Empty where nothing does, or there is no such resource.",
        "additionalProperties": many(ref("DependencyEntry")),
    },
    "DependencyEntry": {
        "type": "object",
        "description": "A resource that names the one that was asked for.",
        "required": ["id", "name", "paths", "accessLevel", "dependencyIds"],
        "properties": {
            "id": _TEXT, "name": _TEXT, "paths": many(_TEXT), "accessLevel": {"enum": ["owner", "manage", "run", "read"]},
            "dependencyIds": {"type": "object", "additionalProperties": many(_TEXT)},
        },
    },
    "RecycledResource": {
        "type": "object", "required": ["model", "doc"], "description": "In the recycle bin.",
        "properties": {"model": {"enum": [k.model for k in KINDS.values()]}, "doc": {"type": "object"}},
    },
    "AuditEntry": {
        "type": "object",
        "description": "One change. Secrets are stars here too.",
        "required": ["_id", "resourceType", "_resourceId", "action", "source", "_byUserId", "time", "fieldChanges"],
        "properties": {
            "_id": _ID, "resourceType": _TEXT, "_resourceId": _ID, "version": {"type": "integer"}, "action": _TEXT,
            "source": _TEXT, "_byUserId": _ID, "time": _DATE,
            "fieldChanges": many({"type": "object", "required": ["fieldPath"],
                                  "properties": {"fieldPath": _TEXT, "oldValue": {}, "newValue": {}}}),
        },
    },
    "Patch": many({
        "type": "object", "required": ["op", "path"], "description": "An operation of JSON Patch (RFC 6902).",
        "properties": {"op": {"enum": ["replace", "add", "remove", "test"]}, "path": _TEXT, "value": {}},
    }),
    "CloneRequest": {
        "type": "object",
        "description": "connectionMap: old id to new id; a flow needs it, and _integrationId.",
        "properties": {"name": _TEXT, "_integrationId": _ID, "connectionMap": {"type": "object", "additionalProperties": _TEXT}},
    },
    "CloneResponse": many({"type": "object", "required": ["model", "_id"], "properties": {"model": _TEXT, "_id": _ID}}),
    "TokenInfo": {"type": "object", "required": ["_userId", "scope"], "properties": {"_userId": _TEXT, "scope": _TEXT}},
}  # fmt: skip

_TOLD = {
    "400-bad-request": "Malformed syntax or invalid parameters.",
    "403-forbidden": "The token may not do this; it is not told whether the resource is there.",
    "404-not-found": "No such resource, or none that the caller can see.",
    "408-timeout": "The body came too slowly.",
    "413-too-large": "The body is too large.",
    "415-unsupported-media-type": "The body is not JSON.",
    "422-unprocessable-entity": "Well formed, and cannot be followed.",
    "429-rate-limited": "Too many requests of this account; Retry-After tells how many seconds to wait.",
}


def _responses() -> Json:
    bare = {"type": "object", "required": ["message"],
            "properties": {"message": {"enum": ["Unauthorized", "Bearer Authentication Failed"]}}}  # fmt: skip
    found: Json = {name: {"description": text, "content": {JSON: {"schema": ref("Error")}}} for name, text in _TOLD.items()}
    seconds = {"Retry-After": {"schema": {"type": "integer"}}}
    found["429-rate-limited"]["headers"] = seconds
    found["401-unauthorized"] = {"description": "No good token. Decided before all else, and without the envelope.",
                                 "content": {JSON: {"schema": bare}}}  # fmt: skip
    return found
