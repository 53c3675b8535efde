"""Connections, exports, imports, flows, integrations: what they keep, what they refuse, what stays secret."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from jobstream.api.forms.marks import Refused, fields_of, marks_of
from jobstream.api.kinds import KINDS
from service import Api, Served, connection

STARS = "******"
NOBODY = "0" * 24
NEIGHBOURS = ["connections", "exports", "imports", "flows", "integrations"]
SERVERS = ("_id", "createdAt", "lastModified")


def least(kind: str) -> dict[str, Any]:
    return connection() if kind == "connections" else {"name": kind}


def own(reply: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in reply.items() if k not in SERVERS}


# -- every neighbour


@pytest.mark.parametrize("kind", NEIGHBOURS)
def test_a_neighbour_is_made_read_replaced_and_deleted(api: Api, kind: str) -> None:
    all_of, model = f"/v1/{kind}", KINDS[kind].model
    assert (api.get(all_of).status, api.get(all_of).raw) == (204, b"")

    made = api.post(all_of, least(kind))
    one = f"{all_of}/{made.id}"
    assert set(SERVERS) <= set(made.json) and api.get(one).json == made.json and api.get(all_of).json == [made.json]

    replaced = api.put(one, {**least(kind), "name": "Other"})
    assert replaced.status == 200 and replaced.json["name"] == "Other" and replaced.json["createdAt"] == made.json["createdAt"]
    assert replaced.json["lastModified"] > made.json["lastModified"]

    assert api.delete(one).status == 204 and api.delete(one).status == 404
    assert api.get(one).error["message"].startswith(f"{model} not found.")
    assert api.get(f"{all_of}/{NOBODY}").error == {"code": "invalid_ref", "message": f"{model} not found.", "field": "_id"}


@pytest.mark.parametrize("kind", NEIGHBOURS)
def test_another_account_sees_nothing_of_it(api: Api, other: Api, kind: str) -> None:
    id = api.post(f"/v1/{kind}", least(kind)).id

    def heard(id: str) -> list[tuple[int, bytes]]:
        one = f"/v1/{kind}/{id}"
        replies = [other.get(one), other.put(one, least(kind)), other.patch(one, [{"op": "replace", "path": "/name", "value": "x"}]),
                   other.delete(one), other.get(f"{one}/dependencies"), other.get(f"{one}/audit"), other.post(f"{one}/clone", {}),
                   other.get(f"/v1/recycleBinTTL/{kind}/{id}")]  # fmt: skip
        return [(r.status, r.raw) for r in replies]

    assert heard(id) == heard(NOBODY)
    assert other.get(f"/v1/{kind}").status == 204 and other.get("/v1/audit").status == 204
    assert api.get(f"/v1/{kind}/{id}").status == 200


@pytest.mark.parametrize("kind", NEIGHBOURS)
def test_patch_changes_what_it_may(api: Api, kind: str) -> None:
    one = f"/v1/{kind}/{api.post(f'/v1/{kind}', least(kind)).id}"
    assert api.patch(one, [{"op": "replace", "path": "/name", "value": "New"}]).status == 204
    assert api.get(one).json["name"] == "New"
    before = api.get(one).raw

    mixed = api.patch(one, [{"op": "replace", "path": "/name", "value": "x"}, {"op": "replace", "path": "/_id", "value": "x"}])
    wrong = api.patch(one, [{"op": "replace", "path": "/name", "value": 3}])
    absent = api.patch(one, [{"op": "test", "path": "/name", "value": "other"}])

    assert (mixed.status, mixed.error["field"]) == (422, "/_id")
    assert (wrong.status, wrong.error["field"]) == (422, "name") and absent.status == 422
    assert api.get(one).raw == before


@pytest.mark.parametrize("kind", NEIGHBOURS)
def test_the_log_tells_who_changed_what(api: Api, kind: str) -> None:
    id = api.post(f"/v1/{kind}", least(kind)).id
    api.put(f"/v1/{kind}/{id}", {**least(kind), "name": "Other"})
    api.delete(f"/v1/{kind}/{id}")
    api.post(f"/v1/recycleBinTTL/{kind}/{id}")

    entries = api.get(f"/v1/{kind}/{id}/audit").json

    assert [e["action"] for e in entries] == ["restore", "delete", "update", "create"]
    assert entries[2]["fieldChanges"] == [{"fieldPath": "name", "oldValue": least(kind)["name"], "newValue": "Other"}]
    assert {(e["_resourceId"], e["resourceType"], e["source"]) for e in entries} == {(id, KINDS[kind].model, "api")}
    assert len({e["_byUserId"] for e in entries}) == 1
    assert api.get(f"/v1/audit?_resourceId={id}&action=update&resourceType={kind}").json == [entries[2]]
    assert api.get(f"/v1/audit?limit=1&offset=3&_resourceId={id}").json == [entries[3]]
    assert api.get(f"/v1/audit?from={entries[0]['time']}&to={entries[0]['time']}").json[0] == entries[0]
    assert api.get("/v1/audit?to=2020-01-01").status == 204
    assert {
        api.get(f"/v1/audit?{q}").status
        for q in ("from=x", "action=x", "_resourceId=x", "resourceType=x", "limit=-1", "to=9999-99-99")
    } == {400}


# -- what a form knows is kept or refused with its name

TEXT, RULES = "text", {"type": "expression", "expression": {"version": "1"}}
WHOLE: dict[str, dict[str, Any]] = {
    "connections": {
        "name": "Acme", "type": "http", "offline": False, "settings": {"a": 1}, "settingsForm": {"form": {}}, "externalId": "e",
        "debugDate": "2026-01-01", "http": {
            "baseURI": "https://api.acme.test", "mediaType": "json", "successMediaType": "csv", "errorMediaType": "xml",
            "headers": [{"name": "Accept", "value": "application/json"}], "retryHeader": "X-Wait", "concurrencyLevel": 5,
            "targetConcurrencyLevel": 4, "unencrypted": {"region": "eu"}, "unencryptedFields": [{"id": "region"}], "encryptedFields": [],
            "auth": {"type": "custom", "failStatusCode": 403, "failPath": "a.b", "failValues": ["x"],
                     "failures": [{"statusCode": 419, "path": "a", "values": ["b"]}],
                     "basic": {"username": "u"},
                     "token": {"location": "header", "headerName": "Authorization", "scheme": "Bearer", "paramName": "t",
                               "refreshMethod": "POST", "refreshRelativeURI": "/r", "refreshMediaType": "json", "refreshBody": "b",
                               "refreshHeaders": [{"name": "A", "value": "b"}], "refreshResponsePath": "t"},
                     "oauth": {"grantType": "clientcredentials", "tokenURI": "https://t", "authURI": "https://a", "clientId": "c",
                               "scope": ["s"], "scopeDelimiter": " ", "clientCredentialsLocation": "body", "username": "u"}},
            "ping": {"relativeURI": "/me", "method": "GET", "body": "", "successPath": "ok", "successValues": ["true"], "failPath": "e",
                     "failValues": ["x"], "errorPath": "m"},
            "rateLimit": {"failStatusCode": 503, "failPath": "a", "failValues": ["slow"], "limit": 10}}},
    "exports": {
        "name": "All", "adaptorType": "HTTPExport", "type": "delta", "pageSize": 100, "isLookup": True, "oneToMany": True,
        "pathToMany": "items", "inputFilter": RULES, "mappings": [], "test": {"limit": 100}, "delta": {
            "startDate": "2026-01-01", "lagOffset": 5000, "dateFormat": "YYYY"}, "once": {"booleanField": "done"}, "file": {"type": "csv"},
        "transform": RULES, "filter": RULES, "hooks": {"preSavePage": {"function": "f"}}, "dataURITemplate": TEXT, "traceKeyTemplate": TEXT,
        "mockOutput": {"page_of_records": [{"record": {"id": 1}}]}, "settings": {}, "settingsForm": {}, "externalId": "e", "debugDate": "d",
        "http": {
            "method": "POST", "relativeURI": "/r", "headers": [{"name": "A", "value": "b"}], "body": "{}", "requestMediaType": "json",
            "successMediaType": "json", "errorMediaType": "json", "type": "file", "once": {"relativeURI": "/o", "method": "PUT", "body": "b"},
            "paging": {"method": "token", "page": 1, "skip": 0, "token": "t", "path": "p", "pathLocation": "body",
                       "pathAfterFirstRequest": "q", "relativeURI": "/n", "body": "b", "linkHeaderRelation": "next",
                       "lastPageStatusCode": 404, "lastPagePath": "l", "lastPageValues": [""], "maxPagePath": "m", "maxCountPath": "c"},
            "response": {"resourcePath": "r", "successPath": "s", "successValues": ["1"], "failPath": "f", "failValues": ["0"],
                         "errorPath": "e", "allowArrayforSuccessPath": True, "resourceIdPath": "i",
                         "twoDArray": {"hasHeader": True, "doNotNormalize": False}, "blobFormat": "utf8"}}},
    "imports": {
        "name": "All", "adaptorType": "HTTPImport", "filter": RULES, "inputFilter": RULES, "transform": RULES, "mapping": {"fields": []},
        "mappings": [], "lookups": [], "oneToMany": False, "pathToMany": "p", "hooks": {}, "settings": {}, "settingsForm": {},
        "externalId": "e", "debugDate": "d", "http": {
            "method": ["PUT", "POST"], "relativeURI": ["/a", "/b"], "requestType": ["UPDATE", "CREATE"], "body": ["x", "y"],
            "batchSize": 10, "headers": [{"name": "A", "value": "b"}], "requestMediaType": "json", "successMediaType": "json",
            "errorMediaType": "json", "existingExtract": "id", "ignoreEmptyNodes": True, "sendPostMappedData": True,
            "strictHandlebarEvaluation": True, "lookups": [], "response": {
                "resourcePath": ["r"], "resourceIdPath": ["i"], "successPath": ["s"], "successValues": [["1"]], "failPath": ["f"],
                "failValues": [["0"]], "errorPath": "e", "allowArrayforSuccessPath": False}}},
    "flows": {
        "name": "All", "description": "d", "disabled": True, "schedule": "? 5 9 ? * 1,2,3,4,5", "timezone": "Europe/Berlin",
        "runPageGeneratorsInParallel": True, "autoResolveMatchingTraceKeys": True, "aliases": [], "logging": {}, "settings": {},
        "settingsForm": {}, "externalId": "e", "pageGenerators": [], "pageProcessors": []},
    "integrations": {"name": "All", "description": "d", "readme": "r", "settings": {}, "settingsForm": {}, "externalId": "e"},
}  # fmt: skip


@pytest.mark.parametrize("kind", NEIGHBOURS)
def test_every_field_comes_back_as_it_came(api: Api, kind: str) -> None:
    made = api.post(f"/v1/{kind}", WHOLE[kind])

    assert made.status == 201, made.raw
    assert own(made.json) == WHOLE[kind]
    assert own(api.put(f"/v1/{kind}/{made.id}", made.json).json) == WHOLE[kind]


@pytest.mark.parametrize("kind", NEIGHBOURS)
def test_the_whole_of_a_form_is_tried_here(kind: str) -> None:
    marked = {m.pattern for m in marks_of(KINDS[kind].form)}
    untried = [p for p in fields_of(KINDS[kind].form) if not _has(WHOLE[kind], p) and p not in marked and p[0] != "routers"]

    assert [p for p in untried if p[:1] not in (("pageGenerators",), ("pageProcessors",)) and p != ("_runNextFlowIds",)] == []


def _has(value: Any, pattern: tuple[str, ...]) -> bool:
    key, *rest = pattern
    inner = (
        (value or [None])[0]
        if key == "*" and isinstance(value, list)
        else value.get(key, ...)
        if isinstance(value, dict)
        else ...
    )
    return inner is not ... and (not rest or _has(inner, tuple(rest)))


REFUSED = [(k, m.pattern) for k in NEIGHBOURS for m in marks_of(KINDS[k].form) if isinstance(m.mark, Refused)]


@pytest.mark.parametrize(("kind", "pattern"), REFUSED)
def test_what_does_not_act_is_refused_with_its_name(api: Api, kind: str, pattern: tuple[str, ...]) -> None:
    body: Any = copy.deepcopy(WHOLE[kind])
    at = body
    for key in pattern[:-1]:
        at = at.setdefault(key, {})
    at[pattern[-1]] = {"x": 1}

    reply = api.post(f"/v1/{kind}", body)

    assert (reply.status, reply.error["code"], reply.error["field"]) == (422, "invalid_field", ".".join(pattern))


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [("connections", {"type": "ftp"}, "type"), ("connections", {"name": "x" * 101}, "name"), ("exports", {"pageSize": 0}, "pageSize"),
     ("exports", {"adaptorType": "FTPExport"}, "adaptorType"), ("exports", {"type": "webhook"}, "type"),
     ("exports", {"test": {"limit": 101}}, "test.limit"), ("exports", {"http": {"method": "BREW"}}, "http.method"),
     ("imports", {"http": {"method": ["GET"], "relativeURI": ["/a", "/b"]}}, "http.relativeURI"),
     ("imports", {"http": {"method": "GET"}}, "http.method"), ("flows", {"schedule": "every day"}, "schedule"),
     ("flows", {"timezone": "Mars/Base"}, "timezone"), ("flows", {"timezone": "../etc/passwd"}, "timezone"),
     ("flows", {"routers": []}, "pageProcessors"), ("flows", {"disabled": "yes"}, "disabled"),
     ("flows", {"pageProcessors": [{"type": "import"}]}, "pageProcessors[0]._importId"),
     ("flows", {"pageGenerators": [{}]}, "pageGenerators[0]._exportId"), ("exports", {"mockOutput": {"page_of_records": [{"record": 1}] * 11}},
      "mockOutput.page_of_records")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_its_name(api: Api, kind: str, change: dict[str, Any], field: str) -> None:
    reply = api.post(f"/v1/{kind}", {**WHOLE[kind], **change})

    assert (reply.status, reply.error["field"]) == (422, field)


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [("exports", {"_connectionId": NOBODY}, "_connectionId"), ("imports", {"_connectionId": NOBODY}, "_connectionId"),
     ("flows", {"_integrationId": NOBODY}, "_integrationId"), ("flows", {"_runNextFlowIds": [NOBODY]}, "_runNextFlowIds[0]"),
     ("flows", {"pageGenerators": [{"_exportId": NOBODY}]}, "pageGenerators[0]._exportId"),
     ("flows", {"pageProcessors": [{"type": "import", "_importId": NOBODY}]}, "pageProcessors[0]._importId"),
     ("flows", {"routers": [{"branches": [{"pageProcessors": [{"type": "export", "_exportId": NOBODY}]}]}]},
      "routers[0].branches[0].pageProcessors[0]._exportId")],
)  # fmt: skip
def test_a_reference_to_what_is_not_there_is_refused(api: Api, kind: str, body: dict[str, Any], field: str) -> None:
    reply = api.post(f"/v1/{kind}", {"name": "x", **body})

    assert (reply.status, reply.error["code"], reply.error["field"]) == (422, "invalid_ref", field)
    assert api.get(f"/v1/{kind}").status == 204


def test_an_adaptor_type_does_not_change_and_is_always_told(api: Api) -> None:
    made = api.post("/v1/exports", {"name": "x"})

    assert (
        made.json["adaptorType"] == "HTTPExport"
        and api.put(f"/v1/exports/{made.id}", {"name": "y"}).json["adaptorType"] == "HTTPExport"
    )
    assert api.post("/v1/flows", {"name": "x"}).json["disabled"] is False


@pytest.mark.parametrize(
    ("auth", "field"),
    [({"type": "token"}, "http.auth.token.token"), ({"type": "token", "token": {"token": ""}}, "http.auth.token.token"),
     ({"type": "basic", "basic": {}}, "http.auth.basic.username"), ({}, "http.auth.type")],
)  # fmt: skip
def test_a_way_to_sign_in_needs_what_it_signs_with(api: Api, auth: dict[str, Any], field: str) -> None:
    body = connection()
    body["http"]["auth"] = auth
    reply = api.post("/v1/connections", body)

    assert (reply.status, reply.error["code"], reply.error["field"]) == (422, "missing_required_field", field)


# -- secrets

SECRETS = ["s3cr3t-token", "s3cr3t-basic", "s3cr3t-client", "s3cr3t-access", "s3cr3t-refresh", "s3cr3t-header", "s3cr3t-table"]


def secretive() -> dict[str, Any]:
    body = connection()
    body["http"]["auth"] |= {"basic": {"username": "u", "password": "s3cr3t-basic"},
                             "oauth": {"clientSecret": "s3cr3t-client", "accessToken": "s3cr3t-access", "refreshToken": "s3cr3t-refresh"}}  # fmt: skip
    body["http"]["headers"] = [{"name": "X-Api-Key", "value": "s3cr3t-header"}, {"name": "Accept", "value": "x/y"},
                               {"name": "Authorization", "value": "Bearer {{connection.http.encrypted.key}}"}]  # fmt: skip
    body["http"]["encrypted"] = {"key": "s3cr3t-table"}
    return body


def test_secrets_are_stars_everywhere(api: Api) -> None:
    made = api.post("/v1/connections", secretive())
    one = f"/v1/connections/{made.id}"
    api.put(one, {**secretive(), "name": "Other"})
    api.patch(one, [{"op": "replace", "path": "/name", "value": "Third"}])
    replies = [made, api.get(one), api.get("/v1/connections"), api.get("/v1/connections?include=http.auth,http.encrypted"),
               api.get(f"{one}/audit"), api.get("/v1/audit"), api.post(f"{one}/clone", {})]  # fmt: skip
    api.delete(one)
    replies += [api.get("/v1/recycleBinTTL"), api.get(f"/v1/recycleBinTTL/connections/{made.id}")]

    assert [s for r in replies for s in SECRETS if s.encode() in r.raw] == []
    http = made.json["http"]
    assert http["encrypted"] == http["auth"]["token"]["token"] == http["auth"]["basic"]["password"] == STARS
    assert [h["value"] for h in http["headers"]] == [STARS, "x/y", "Bearer {{connection.http.encrypted.key}}"]


def kept(served: Served, account: str, id: str) -> set[str]:
    """The secrets that the store has of a connection."""
    found = served.through(lambda store: store.resources.secrets(account, "connections", id))
    return {v for value in found.values() for v in (value.values() if isinstance(value, dict) else [value])}


def test_stars_that_come_back_mean_the_secret_that_is_kept(served: Served, api: Api, account: str) -> None:
    made = api.post("/v1/connections", secretive())
    assert kept(served, account, made.id) == set(SECRETS)
    body = api.get(f"/v1/connections/{made.id}").json
    body["http"]["headers"].reverse()

    assert api.put(f"/v1/connections/{made.id}", body).status == 200
    assert kept(served, account, made.id) == set(SECRETS)

    body["http"]["auth"]["token"]["token"] = "s3cr3t-new"
    del body["http"]["auth"]["oauth"], body["http"]["encrypted"]
    assert api.put(f"/v1/connections/{made.id}", body).json["http"]["auth"]["token"]["token"] == STARS
    assert kept(served, account, made.id) == {"s3cr3t-new", "s3cr3t-basic", "s3cr3t-header"}
    assert {"fieldPath": "http.auth.token.token", "oldValue": STARS, "newValue": STARS} in api.get("/v1/audit").json[0][
        "fieldChanges"
    ]


def test_a_deleted_and_restored_connection_has_its_secrets(served: Served, api: Api, account: str) -> None:
    id = api.post("/v1/connections", secretive()).id
    api.delete(f"/v1/connections/{id}")
    api.post(f"/v1/recycleBinTTL/connections/{id}")

    assert kept(served, account, id) == set(SECRETS)


@pytest.mark.parametrize("how", ["post", "put"])
def test_stars_for_a_secret_that_is_not_kept_are_refused(api: Api, how: str) -> None:
    body = connection()
    one = f"/v1/connections/{api.connection(http={'baseURI': 'https://x', 'mediaType': 'json'})}"
    body["http"]["auth"]["token"]["token"] = STARS
    reply = api.post("/v1/connections", body) if how == "post" else api.put(one, body)

    assert (reply.status, reply.error["code"], reply.error["field"]) == (422, "invalid_field", "http.auth.token.token")


def test_headers_of_one_name_keep_a_secret_each(served: Served, api: Api, account: str) -> None:
    body = connection()
    body["http"] |= {"headers": [{"name": "Cookie", "value": "s3cr3t-one"}, {"name": "cookie", "value": "s3cr3t-two"}]}
    made = api.post("/v1/connections", body)
    api.put(f"/v1/connections/{made.id}", made.json)

    assert kept(served, account, made.id) == {"s3cr3t-token", "s3cr3t-one", "s3cr3t-two"}


def test_exports_keep_secret_headers_too(api: Api) -> None:
    made = api.post("/v1/exports", {"name": "x", "http": {"headers": [{"name": "x-auth-token", "value": "s3cr3t-header"}]}})

    assert made.json["http"]["headers"][0]["value"] == STARS


# -- clone


def test_a_connection_is_cloned_with_its_secrets(served: Served, api: Api, account: str) -> None:
    id = api.post("/v1/connections", secretive()).id
    ((copied,), named) = (
        api.post(f"/v1/connections/{id}/clone", {}).json,
        api.post(f"/v1/connections/{id}/clone", {"name": "Mine"}).json,
    )

    assert copied["model"] == "Connection" and copied["_id"] != id
    assert api.get(f"/v1/connections/{copied['_id']}").json["name"] == "Clone - Acme"
    assert api.get(f"/v1/connections/{named[0]['_id']}").json["name"] == "Mine"
    assert kept(served, account, copied["_id"]) == set(SECRETS)


def test_a_flow_is_cloned_with_all_its_parts_and_other_connections(api: Api) -> None:
    old, new = api.connection(), api.connection()
    integration = api.post("/v1/integrations", {"name": "n"}).id
    status = api.export(_connectionId=old)
    job = api.helper(status)
    start = api.export(_connectionId=old, http={"_asyncHelperId": job})
    flow = api.post("/v1/flows", {"name": "f", "pageGenerators": [{"_exportId": start}]}).id

    reply = api.post(f"/v1/flows/{flow}/clone", {"_integrationId": integration, "connectionMap": {old: new}})

    assert reply.status == 201 and sorted(m["model"] for m in reply.json) == ["AsyncHelper", "Export", "Export", "Flow"]
    copied = api.get(f"/v1/flows/{reply.json[0]['_id']}").json
    step = api.get(f"/v1/exports/{copied['pageGenerators'][0]['_exportId']}").json
    its = api.get(f"/v1/asynchelpers/{step['http']['_asyncHelperId']}").json
    polled = api.get(f"/v1/exports/{its['http']['status']['_exportId']}").json
    assert copied["_integrationId"] == integration and step["_id"] != start and its["_id"] != job and polled["_id"] != status
    assert step["_connectionId"] == polled["_connectionId"] == new


def test_a_clone_that_cannot_be_makes_nothing(api: Api, other: Api) -> None:
    old, integration = api.connection(), api.post("/v1/integrations", {"name": "n"}).id
    flow = f"/v1/flows/{api.post('/v1/flows', {'name': 'f'}).id}/clone"

    unmapped = api.post(flow, {"_integrationId": integration})
    nowhere = api.post(flow, {"connectionMap": {}})
    foreign = api.post(flow, {"_integrationId": integration, "connectionMap": {old: other.connection()}})

    assert (unmapped.status, unmapped.error["code"]) == (400, "invalid_connectionMap")
    assert (nowhere.error["code"], nowhere.error["message"]) == ("invalid_ref", "Integration not found for the given id")
    assert (foreign.status, foreign.error["field"]) == (422, f"connectionMap.{old}")
    assert len(api.get("/v1/flows").json) == 1


def test_a_helper_has_no_clone(api: Api) -> None:
    assert api.post(f"/v1/asynchelpers/{api.helper(api.export())}/clone", {}).status == 404


# -- lists


def test_a_list_has_pages_and_links_between_them(api: Api) -> None:
    ids = [api.export(name=f"{i}") for i in range(5)]
    first, second, third = (api.get(f"/v1/exports?limit=2&skip={n}&include=name") for n in (0, 2, 4))

    assert [[e["_id"] for e in r.json] for r in (first, second, third)] == [ids[:2], ids[2:4], ids[4:]]
    assert first.headers["link"].startswith(f"<{api.url}/v1/exports?include=name&skip=2&limit=2>") and first.headers[
        "link"
    ].endswith('; rel="next"')
    assert (
        second.headers["link"].count("http://") == 2
        and 'rel="next"' in second.headers["link"]
        and 'rel="prev"' in second.headers["link"]
    )
    assert 'rel="next"' not in third.headers["link"]
    assert "link" not in api.get("/v1/exports").headers
    assert (api.get("/v1/exports?skip=9").status, api.get("/v1/exports?limit=5000").status) == (204, 200)
    follow = first.headers["link"].partition("<")[2].partition(">")[0]
    assert api.get(follow.replace(api.url, "")).json == second.json


def test_include_and_exclude_shape_a_list(api: Api) -> None:
    id = api.export(pageSize=5, http={"relativeURI": "/a", "method": "GET", "response": {"resourcePath": "r"}})

    def listed(query: str) -> Any:
        return api.get(f"/v1/exports?{query}").json[0]

    whole = api.get(f"/v1/exports/{id}").json
    summary = {"_id": id, "name": "Status", "adaptorType": "HTTPExport"}
    assert listed("include=http.response.resourcePath,http.method,nothing") == {
        **summary,
        "http": {"response": {"resourcePath": "r"}, "method": "GET"},
    }
    assert listed("include=pageSize") == {**summary, "pageSize": 5}
    assert listed("include=") == listed("exclude=") == listed("include") == whole
    assert "method" not in listed("exclude=http.method,pageSize,_id")["http"] and listed("exclude=http.method,_id")["_id"] == id
    assert api.get(f"/v1/exports/{id}?include=name").json == whole


@pytest.mark.parametrize("query", ["include=a-b", "include=a%20b", "exclude=%00", "limit=0", "limit=x", "limit=-1", "skip=-1", "skip=1e3",
                                   "skip=99999999999999999999", "include=a&exclude=b"])  # fmt: skip
def test_a_query_that_cannot_be_is_400(api: Api, query: str) -> None:
    reply = api.get(f"/v1/exports?{query}")

    assert (reply.status, reply.error["code"]) == (400, "invalid_query_params")
    if "&" in query:
        assert reply.error["message"] == "Please provide either include or exclude param in the request query and not both."


def test_a_deleted_helper_is_no_reference_for_a_new_step(api: Api) -> None:
    id = api.helper(api.export())
    api.delete(f"/v1/asynchelpers/{id}")

    assert api.post("/v1/exports", {"name": "x", "http": {"_asyncHelperId": id}}).error["field"] == "http._asyncHelperId"
