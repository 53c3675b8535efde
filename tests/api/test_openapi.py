"""The document of the API, against the seed's."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from jobstream.api.kinds import KINDS
from service import Api, Served, full_helper, helper

OPERATIONS = {
    ("/v1/asynchelpers", "get"): "listAsyncHelpers", ("/v1/asynchelpers", "post"): "createAsyncHelper",
    ("/v1/asynchelpers/{_id}", "get"): "getAsyncHelperById", ("/v1/asynchelpers/{_id}", "put"): "updateAsyncHelper",
    ("/v1/asynchelpers/{_id}", "delete"): "deleteAsyncHelper",
    ("/v1/asynchelpers/{_id}/dependencies", "get"): "listAsyncHelperDependencies",
}  # fmt: skip
SCHEMAS = {"AsyncHelper", "AsyncHelperRequest", "Error", "DependencyResponse", "DependencyEntry"}


@pytest.fixture
def document(served: Served) -> Any:
    return Api(served.url, None).get("/openapi.json").json


@pytest.mark.seed("A2")
def test_operations_tags_schemas_and_security_have_the_names_of_the_seed(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    for (path, method), id in OPERATIONS.items():
        operation = document["paths"][path][method]
        assert (operation["operationId"], operation["tags"]) == (id, ["Async Helpers"])
    assert set(document["components"]["schemas"]) >= SCHEMAS
    assert document["components"]["securitySchemes"] == {"bearerAuth": {"type": "http", "scheme": "bearer"}}
    assert document["security"] == [{"bearerAuth": []}]


@pytest.mark.seed("A2")
def test_the_helper_has_the_shape_of_the_seed(document: Any) -> None:
    asked = inlined(document, "AsyncHelperRequest")
    told = inlined(document, "AsyncHelper")
    status = asked["properties"]["http"]["properties"]["status"]

    assert asked["required"] == ["name", "http"] and {"_id", "name", "http"} <= set(told["required"])
    assert asked["properties"]["http"]["required"] == ["submit", "status"]
    assert asked["properties"]["http"]["properties"]["submit"]["required"] == ["sameAsStatus"]
    assert status["required"] == ["_exportId", "statusPath", "inProgressValues", "doneValues"]
    assert {"doneWithoutDataValues", "errorValues"} <= set(status["properties"])
    assert told["properties"]["_id"]["readOnly"] and told["properties"]["lastModified"]["format"] == "date-time"


@pytest.mark.seed("A13", "A15")
def test_the_envelope_may_hold_a_remote_status_and_who_spoke(document: Any) -> None:
    entry = document["components"]["schemas"]["Error"]["properties"]["errors"]["items"]

    assert {s["type"] for s in entry["properties"]["code"]["oneOf"]} == {"string", "integer"} and entry["required"] == [
        "message"
    ]
    assert set(entry["properties"]) == {"code", "message", "field", "source"}


def test_every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own(document: Any) -> None:
    for pointer in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        at = document
        for key in pointer.split("/"):
            at = at[key]
    ids = [o["operationId"] for path in document["paths"].values() for o in path.values()]

    assert len(set(ids)) == len(ids)
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for o in operations.values():
            assert {p["name"] for p in o.get("parameters", []) if p["in"] == "path"} == set(re.findall(r"\{(\w+)\}", path))
            assert {"401", "403", "429"} <= set(o["responses"])


@pytest.mark.parametrize("kind", list(KINDS))
def test_answers_fit_their_schemas(api: Api, document: Any, kind: str) -> None:
    import jsonschema_rs

    export = api.export()
    bodies: dict[str, list[dict[str, Any]]] = {
        "asynchelpers": [helper(export), full_helper(export, export)],
        "exports": [{"name": "x"}],
    }
    made = [api.post(f"/v1/{kind}", b).json for b in bodies.get(kind, [{"name": "x"}])] if kind != "connections" else [
        api.get(f"/v1/connections/{api.connection()}").json]  # fmt: skip
    schema = {**inlined(document, KINDS[kind].model)}

    for answer in made:
        assert [e.message for e in jsonschema_rs.validator_for(schema, validate_formats=False).iter_errors(answer)] == []
    refused = api.post(f"/v1/{kind}", {}).json
    assert jsonschema_rs.validator_for(inlined(document, "Error")).is_valid(refused)


def inlined(document: Any, name: str) -> Any:
    """A schema of the document with all that it refers to in its place."""

    def whole(value: Any) -> Any:
        if isinstance(value, dict) and "$ref" in value:
            return whole(document["components"]["schemas"][value["$ref"].rpartition("/")[2]])
        if isinstance(value, dict):
            return {k: whole(v) for k, v in value.items()}
        return [whole(v) for v in value] if isinstance(value, list) else value

    return whole(document["components"]["schemas"][name])
