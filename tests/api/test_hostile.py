"""Whatever is sent, the server answers in its own form and stays up."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service import Api, Served, connection, full_helper

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    | st.sampled_from(["0" * 24, "******", "{{x}}", "\u0000", "HTTPExport", "../..", "' OR 1=1 --", "\U0001f600"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=6)  # fmt: skip
EXAMPLES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def spots(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(p for k, v in inner for p in spots(v, (*at, k)))]


def put(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    if not at:
        return new
    changed = copy.copy(value)
    changed[at[0]] = put(value[at[0]], at[1:], new)
    return changed


@pytest.fixture
def bodies(api: Api) -> dict[str, Any]:
    export, import_ = api.export(), api.post("/v1/imports", {"name": "i"}).id
    return {
        "asynchelpers": full_helper(export, export), "connections": connection(),
        "exports": {"name": "x", "_connectionId": api.connection(), "http": {"headers": [{"name": "a", "value": "b"}], "paging": {"method": "url"}}},
        "imports": {"name": "x", "http": {"method": ["PUT"], "relativeURI": ["/a"], "response": {"successValues": [["1"]]}}},
        "flows": {"name": "x", "pageGenerators": [{"_exportId": export}], "pageProcessors": [{"type": "import", "_importId": import_}]},
        "accesstokens": {"name": "x", "_exportIds": [export]},
    }  # fmt: skip


@EXAMPLES
@given(data=st.data())
def test_a_document_with_anything_anywhere_is_kept_or_refused(api: Api, bodies: dict[str, Any], data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(bodies)))
    body = put(bodies[kind], data.draw(st.sampled_from(spots(bodies[kind]))), data.draw(ANY))

    reply = api.post(f"/v1/{kind}", body)

    assert reply.status == 201 or (reply.status in (400, 422) and reply.errors)
    if reply.status == 201:
        again = api.put(f"/v1/{kind}/{reply.id}", {**reply.json, "revoked": True})
        assert again.status == 200 and again.json["name"] == reply.json["name"]


@EXAMPLES
@given(value=ANY, method=st.sampled_from(["PATCH", "PUT", "POST"]), path=st.sampled_from(["", "/clone"]))
def test_any_value_is_no_reason_to_fall(api: Api, bodies: dict[str, Any], value: Any, method: str, path: str) -> None:
    id = api.export()

    assert api.ask(method, f"/v1/exports/{id}{path}", value).status < 500
    assert api.ask("PATCH", f"/v1/exports/{id}", [{"op": "replace", "path": "/name", "value": value}]).status in (204, 422)
    assert api.get(f"/v1/exports/{id}").status == 200


@EXAMPLES
@given(query=st.text(st.characters(min_codepoint=32, max_codepoint=126, blacklist_characters=" #"), max_size=20),
       route=st.sampled_from(["exports", "asynchelpers", "audit", "recycleBinTTL", "recycleBinTTL/exports", "accesstokens", "tokenInfo"]),
       key=st.sampled_from(["limit", "skip", "include", "exclude", "from", "to", "action", "_resourceId", "resourceType", "x", "source"]))  # fmt: skip
def test_any_query_is_answered(api: Api, query: str, route: str, key: str) -> None:
    reply = api.get(f"/v1/{route}?{key}={query}")

    assert reply.status in (200, 204) or (reply.status == 400 and reply.errors)


@pytest.mark.parametrize("raw", [json.dumps({"name": "x" * 100_000}).encode(), b'{"name": "\\ud800"}', b'{"name": "x", "name": "y"}',
                                 b'{"name": "x", "settings": ' + b'{"a":' * 63 + b"1" + b"}" * 63 + b"}",
                                 b'{"name": "x", "settings": {"n": 1e400}}', b'{"name": "x", "settings": {"n": ' + b"9" * 400 + b"}}",
                                 b'\xef\xbb\xbf{"name": "x"}'])  # fmt: skip
def test_odd_json_is_kept_or_refused(served: Served, api: Api, raw: bytes) -> None:
    reply = api.post("/v1/exports", raw)

    assert reply.status == 201 or (reply.status in (400, 422) and reply.errors)
    assert reply.status != 201 or api.get(f"/v1/exports/{reply.id}").json == reply.json
