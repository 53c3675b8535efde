"""What a file of resources compiles to: connections, requests, paging; and every mistake at its place."""

from __future__ import annotations

import json
from typing import Any, cast

import pyarrow as pa
import pytest

from celigo import AUTH, Ran, compiled, resources
from jobstream.components.transforms.reshape import Part, Reshape, Reshaped
from jobstream.errors import DocumentError
from jobstream.kinds import Build
from jobstream.plan.exchange import Read
from jobstream.plan.notes import Json
from jobstream.plan.wire import decode, encode
from jobstream.records.batch import Origin, PartKey

TOKENS: dict[str, Any] = AUTH["token"]


def said(document: Any, config: Any = None) -> list[str]:
    return [str(f) for f in compiled(document, config).findings]


def test_a_plan_is_json_without_secrets_and_each_part_knows_its_place() -> None:
    document = resources(connection={"encrypted": {"key": "h1dden"}, "headers": [{"name": "X-Api-Key", "value": "l1teral"}]})
    made = compiled(document)

    raw = encode(made.plan).decode()
    assert decode(encode(made.plan)) == made.plan and made.findings == () and made.faults == made.warnings == ()
    assert all(secret not in raw for secret in ("s3cret", "h1dden", "l1teral"))
    assert made.plan.secrets == (
        "connection.http.auth.token.token",
        "connection.http.headers.X-Api-Key",
        "connection.http.encrypted.key",
    )
    assert made.config["connection"]["http"]["auth"]["token"]["token"] == "s3cret" and made.plan.hosts == ("x.test",)
    lines = json.dumps(document, indent=1).splitlines()
    for pointer, text in (("/streams/0/retrieval/poll/exchange/request/url", '"relativeURI": "/jobs/{{record.id}}"'), ("/streams/0/retrieval/poll/status/value", '"statusPath"'),
                          ("/auth/connection/options/token", '"token": "s3cret"'), ("/streams/0/retrieval/poll/waits", '"pollWaitTime"')):  # fmt: skip
        origin = made.places.find(pointer)
        assert origin is not None and text in lines[origin.line - 1], pointer


def test_a_config_is_laid_over_the_connection() -> None:
    masked = {**AUTH, "token": {**TOKENS, "token": "******"}}
    document = resources(connection={"auth": masked})

    made = compiled(document, {"connection": {"http": {"auth": {"token": {"token": "given"}}}}, "settings": {"x": 1}})
    assert made.findings == () and made.config["settings"] == {"x": 1}
    assert made.config["connection"]["http"]["auth"]["token"] == {
        "token": "given",
        "location": "header",
        "headerName": "Authorization",
        "scheme": "Bearer",
    }
    assert said(document, {}) == [
        "helper.json:6 connections/0/http: missing_field (a secret; put it into the config as connection.http.auth.token.token)"
    ]
    assert said(document) == []


def test_a_secret_may_be_a_template_over_the_config() -> None:
    made = compiled(resources(connection={"auth": {**AUTH, "token": {**TOKENS, "token": "{{{config.key}}}"}}}), {"key": "k3y"})

    assert made.plan.auth["connection"].options == {"token": "{{{config.key}}}"} and made.plan.secrets == ("key",)
    assert Ran(made, lambda *_: (200, {"id": 1, "state": "NONE"})).remote.sent[0].headers["Authorization"] == "Bearer k3y"


def _raw(path: str) -> str:
    return "{{{config.connection.http.auth." + path + "}}}"


@pytest.mark.parametrize(("auth", "name", "options"), [
    ({"type": "token", "token": {"token": "t", "headerName": "X-Key"}}, "api_key", {"name": "X-Key", "token": _raw("token.token"), "into": "header"}),
    ({"type": "token", "token": {"token": "t", "scheme": "Token"}}, "api_key", {"name": "Authorization", "token": "Token " + _raw("token.token"), "into": "header"}),
    ({"type": "token", "token": {"token": "t", "location": "url", "paramName": "key"}}, "api_key", {"name": "key", "token": _raw("token.token"), "into": "query"}),
    ({"type": "token", "token": {"token": "t", "location": "body"}}, "api_key", {"name": "access_token", "token": _raw("token.token"), "into": "body_json"}),
    ({"type": "basic", "basic": {"username": "u", "password": "p"}}, "basic", {"user": _raw("basic.username"), "password": _raw("basic.password")}),
    ({"type": "oauth", "oauth": {"grantType": "clientcredentials", "tokenURI": "https://x.test/t", "clientId": "i", "clientSecret": "s", "scope": ["a"],
                                 "clientCredentialsLocation": "basicauthheader"}}, "oauth",
     {"token_url": "https://x.test/t", "client_id": _raw("oauth.clientId"), "client_secret": _raw("oauth.clientSecret"), "scopes": ["a"], "client": "basic"}),
    ({"type": "oauth", "oauth": {"tokenURI": "u"}, "token": {"refreshToken": "r"}}, "oauth",
     {"token_url": "u", "client_id": _raw("oauth.clientId"), "client_secret": _raw("oauth.clientSecret"), "refresh_token": _raw("token.refreshToken"), "access_token": _raw("token.token")}),
    ({"type": "oauth", "oauth": {"grantType": "password", "tokenURI": "u"}}, "oauth",
     {"token_url": "u", "client_id": _raw("oauth.clientId"), "client_secret": _raw("oauth.clientSecret"), "grant": "password", "user": _raw("oauth.username"), "password": _raw("oauth.password")}),
])  # fmt: skip
def test_authentication(auth: Any, name: str, options: Any) -> None:
    made = compiled(
        resources(connection={"auth": None})
        | {"connections": [{"_id": "c", "name": "x", "http": {"baseURI": "https://x.test", "auth": auth}}]}
    )
    component = made.plan.auth["connection"]

    assert (component.kind, component.name, component.options) == ("auth", name, options)


def test_an_open_connection_and_what_it_may_cost() -> None:
    made = compiled(
        resources(
            connection={
                "auth": None,
                "concurrencyLevel": 3,
                "retryHeader": "X-Wait",
                "rateLimit": {"failStatusCode": 403, "failPath": "error", "failValues": ["slow"]},
            }
        )
    )
    create = made.plan.streams[0].retrieval.create

    assert (
        create is not None and made.plan.auth == {} and create.request.auth == "" and made.plan.budgets["connection"].open == 3
    )
    assert create.waits[0].read == Read(("X-Wait",), at="header")
    assert (create.rules[0][0].then, create.rules[0][0].when.codes, create.rules[0][0].when.holds) == (
        "throttled",
        ("403",),
        "{{isOneOf answer.body.[error] 'slow'}}",
    )
    made = compiled(
        resources(
            connection={
                "rateLimit": {"failStatusCode": 503},
                "baseURI": "https://{{connection.http.unencrypted.host}}/v1",
                "unencrypted": {"host": "h"},
            }
        )
    )
    assert made.plan.hosts == ("{{connection.http.unencrypted.host}}",) and made.plan.default_rules[0].then == "accept"
    ran = Ran(made, lambda method, path, query, n: (200, {"id": 1, "state": "NONE"}))
    assert ran.remote.sent[0].url == "https://h/v1/jobs"


PAGES: Json = [[{"n": 1}, {"n": 2}], [{"n": 3}]]


def paged(paging: Any, *, uri: str = "/rows", more: Any = None) -> Any:
    return compiled(
        resources(result={"relativeURI": uri, "response": {"resourcePath": "items"}, "paging": paging, **(more or {})})
    )


def pages(next_: Any) -> Any:
    """next_(n): what the n-th page adds to the answer."""
    asked = iter(range(10))

    def answer(method: str, path: str, query: dict[str, str], n: int) -> tuple[int, Any]:
        if method == "POST" and path == "/jobs":
            return 201, {"id": "j"}
        if path.startswith("/jobs"):
            return 200, {"state": "DONE"}
        k = next(asked)
        return (404, {}) if k >= len(PAGES) else (200, {"items": PAGES[k], **next_(k)})

    return answer


TOKEN = "{{#if export.http.paging.token}}?t={{export.http.paging.token}}{{/if}}"


@pytest.mark.parametrize(("paging", "uri", "next_", "asked"), [
    ({"method": "token", "path": "next"}, "/rows" + TOKEN, lambda k: {"next": "a b" if k == 0 else None}, ["GET /rows", "GET /rows?t=a%20b"]),
    ({"method": "token", "path": "meta.next", "pathAfterFirstRequest": "next"}, "/rows" + TOKEN, lambda k: {"meta": {"next": "1"}} if k == 0 else {"next": ""},
     ["GET /rows", "GET /rows?t=1"]),
    ({"method": "token", "path": "X-Next", "pathLocation": "header"}, "/rows" + TOKEN, lambda k: {"_headers": {"x-next": "h"} if k == 0 else {}}, ["GET /rows", "GET /rows?t=h"]),
    ({"method": "token", "path": "next", "relativeURI": "more/{{export.http.paging.token}}"}, "/rows", lambda k: {"next": "x" if k == 0 else None}, ["GET /rows", "GET /more/x"]),
    ({"method": "url", "path": "links.next"}, "/rows", lambda k: {"links": {"next": "https://x.test/p2?a=1" if k == 0 else None}}, ["GET /rows", "GET /p2?a=1"]),
    ({"method": "nextpageurl", "path": "$.links[?@.rel=='next'].href"}, "/rows", lambda k: {"links": [{"rel": "next", "href": "https://x.test/p2"}] if k == 0 else []}, ["GET /rows", "GET /p2"]),
    ({"method": "relativeuri", "relativeURI": "/rows?after={{previous_page.last_record.n}}"}, "/rows", lambda k: {}, ["GET /rows", "GET /rows?after=2", "GET /rows?after=3"]),
    ({"method": "relativeuri", "relativeURI": "/rows?p={{previous_page.full_response.p}}", "lastPagePath": "p", "lastPageValues": ["2", "null"]}, "/rows", lambda k: {"p": k + 1},
     ["GET /rows", "GET /rows?p=1"]),
])  # fmt: skip
def test_paging_by_what_a_page_tells(paging: Any, uri: str, next_: Any, asked: list[str]) -> None:
    made = paged(paging, uri=uri)
    assert made.findings == ()

    ran = Ran(made, pages(next_))

    assert ran.asked[2:] == asked and ran.records == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_paging_by_body() -> None:
    made = paged(
        {"method": "body", "body": '{"after": "{{previous_page.last_record.n}}"}'},
        more={"method": "POST", "body": '{"first": true}'},
    )

    ran = Ran(made, pages(lambda k: {}))

    assert [w.body for w in ran.remote.sent[2:]] == [b'{"first": true}', b'{"after": "2"}', b'{"after": "3"}'] and len(
        ran.records
    ) == 3


@pytest.mark.parametrize(("paging", "uri", "name", "options"), [
    ({"method": "page", "page": 1}, "/rows?p={{export.http.paging.page}}", "page", {"start": 1, "first_asked": True}),
    ({"method": "skip"}, "/rows?o={{export.http.paging.skip}}", "offset", {"first_asked": True}),
    ({"method": "linkheader"}, "/rows", "link", {"rel": "next"}),
    ({"method": "linkheader", "linkHeaderRelation": "older", "lastPageStatusCode": 410}, "/rows", "link", {"rel": "older"}),
])  # fmt: skip
def test_paging_by_number_and_link(paging: Any, uri: str, name: str, options: Any) -> None:
    made = paged(paging, uri=uri)
    fetch = made.plan.streams[0].retrieval.fetch

    assert (fetch.pages.kind, fetch.pages.name, fetch.pages.options) == ("paginator", name, options)
    assert fetch.exchange.rules[0][0].when.codes == (str(paging.get("lastPageStatusCode", 404)),)


@pytest.mark.parametrize(("pointer", "value", "message"), [
    ("asynchelpers/0/http/status/statusPath", None, "asynchelpers/0/http/status/statusPath: missing_field"),
    ("asynchelpers/0/http/status/doneValues", None, "asynchelpers/0/http/status/doneValues: missing_field"),
    ("asynchelpers/0/http/status/doneValues", ["DONE", 5], "asynchelpers/0/http/status/doneValues/1: wrong_value '5' (values are compared as text)"),
    ("asynchelpers/0/http/status/doneValues", "DONE", "asynchelpers/0/http/status/doneValues: wrong_value \"'DONE'\" (a list is wanted)"),
    ("asynchelpers/0/http/status/_exportId", "q", "asynchelpers/0/http/status/_exportId: invalid_ref 'q' (none of exports has it)"),
    ("asynchelpers/0/http/status/pollWaitTime", "soon", "asynchelpers/0/http/status/pollWaitTime: wrong_value \"'soon'\" (a number from 0 on is wanted)"),
    ("asynchelpers/0/http/status/pollWaitTime", True, "pollWaitTime: wrong_value 'True'"), ("asynchelpers/0/http/submit/sameAsStatus", "no", "sameAsStatus: wrong_value"),
    ("asynchelpers/0/http/submit/sameAsStatus", None, "asynchelpers/0/http/submit/sameAsStatus: missing_field"),
    ("asynchelpers/0/http/submit/resourcePath", None, "asynchelpers/0/http/submit: missing_field (without a resourcePath the whole answer is the handle)"),
    ("asynchelpers/0/http/submit/resourcePath", "$.a[", "asynchelpers/0/http/submit/resourcePath: wrong_value"),
    ("asynchelpers/0/http/submit/transform", {"type": "script"}, "asynchelpers/0/http/submit/transform: unsupported 'script'"),
    ("asynchelpers/0/http/submit/transform", {"expression": {"rules": [{"extract": "a"}]}}, "transform/expression/rules: wrong_value"),
    ("asynchelpers/0/http/statsu", {}, "asynchelpers/0/http/statsu: ignored 'statsu' (did you mean 'status'?)"), ("exports/0/_connectionId", "cc", "invalid_ref 'cc' (did you mean 'c'?)"),
    ("exports/0/http/_asyncHelperId", "zz", "exports/0/http/_asyncHelperId: invalid_ref 'zz'"), ("exports/0/http/_asyncHelperId", None, "no export names an async helper"),
    ("exports/0/adaptorType", "FTPExport", "exports/0/adaptorType: unsupported 'FTPExport'"), ("exports/0/hooks", {"preSavePage": {}}, "exports/0/hooks: unsupported"),
    ("exports/0/http/relativeURI", None, "exports/0/http/relativeURI: missing_field"), ("exports/1/http/relativeURI", "/{{recrd.id}}", "exports/1/http/relativeURI: unknown_name 'recrd' (did you mean 'record'?)"),
    ("exports/1/http/relativeURI", "/{{nope record.id}}", None), ("exports/1/http/relativeURI", "/{{#if x}}", "exports/1/http/relativeURI: wrong_value"),
    ("exports/1/http/metod", "GET", "exports/1/http/metod: ignored 'metod' (did you mean 'method'?)"), ("exports/1/http/zzz", "GET", "ignored 'zzz' (it has no effect here)"),
    ("exports/2/http/response", {"resourcePath": "$..x"}, "exports/2/http/response/resourcePath: unsupported"), ("exports/2/http/successMediaType", "plaintext", "unsupported 'plaintext'"),
    ("exports/2/filter", {"type": "script"}, "exports/2/filter: unsupported 'script'"), ("exports/2/filter", {"expression": {"rules": ["equls", ["and", 1]]}}, "rules: wrong_value 'equls'"),
    ("exports/2/http/paging", {"method": "magic"}, "exports/2/http/paging/method: wrong_value 'magic'"), ("exports/2/http/paging", {"method": "token"}, "paging/path: missing_field"),
    ("exports/2/http/paging", {"method": "token", "path": "x"}, "no text of the request holds {{export.http.paging.token}}"),
    ("exports/2/http/paging", {"method": "token", "path": "x", "pathLocation": "cookie"}, "pathLocation: wrong_value 'cookie'"),
    ("exports/2/http/paging", {"method": "token", "path": "x", "token": "first"}, "paging/token: ignored 'first'"), ("exports/2/http/paging", {"method": "skip", "skip": 5}, "paging/skip: ignored '5'"),
    ("exports/2/http/paging", {"method": "page", "lastPagePath": "x"}, "paging/lastPagePath: ignored"), ("exports/2/http/paging", {"method": "page", "page": -1}, "paging/page: wrong_value '-1'"),
    ("connections/0/http/auth", {"type": "wsse"}, "connections/0/http/auth/type: unsupported 'wsse'"), ("connections/0/http/baseURI", None, "connections/0/http/baseURI: missing_field"),
    ("connections/0/http/auth", {"type": "token", "token": {"location": "sky"}}, "location: wrong_value 'sky'"), ("connections/0/http/auth", {"type": "oauth", "oauth": {"grantType": "x", "tokenURI": "u"}}, "grantType: wrong_value 'x'"),
    ("connections/0/type", "ftp", "connections/0/type: unsupported 'ftp'"), ("connections/0/http/rateLimit", {"limit": 5}, "rateLimit/limit: ignored"), ("connections/0/http", "x", "connections/0/http: wrong_value"),
    ("connections/0", 5, "connections/0: wrong_value '5' (a resource with an _id is wanted)"), ("exports/1", {"_id": "o"}, "exports/1: wrong_value 'o' (there is another of exports with this _id)"),
])  # fmt: skip
def test_a_mistake_is_told_at_its_place(pointer: str, value: Json, message: str | None) -> None:
    document = resources()
    at: Any = document
    *path, last = pointer.split("/")
    for key in path:
        at = at[int(key)] if isinstance(at, list) else at[key]
    if isinstance(at, list):
        at[int(last)] = value
    elif value is None:
        del at[last]
    else:
        at[last] = value

    found = said(document)
    assert any(message in m for m in found) if message is not None else found == [], found


def test_all_mistakes_at_once_in_the_order_of_the_text() -> None:
    document = resources(helper={"status": {"statusPath": None, "doneValues": None}}, connection={"baseURI": None})
    lines = [f.line for f in compiled(document).findings]

    assert len(lines) >= 3 and lines == sorted(lines)


def test_files_by_id_and_files_that_are_none() -> None:
    lists = resources()
    by_id = {kind: {r["_id"]: {k: v for k, v in r.items() if k != "_id"} for r in rows} for kind, rows in lists.items()}
    by_id["asyncHelpers"] = by_id.pop("asynchelpers")

    assert encode(compiled(by_id).plan) == encode(compiled(lists).plan)
    assert "an object of connections" in said([])[0]
    with pytest.raises(DocumentError, match="no JSON"):
        compiled("{")


def test_two_owners_two_connections_and_names_that_clash() -> None:
    document = resources(status={"response": {"resourcePath": "job"}})
    document["connections"].append({"_id": "d", "name": "y", "http": {"baseURI": "https://y.test", "auth": AUTH}})
    document["exports"].append(
        {
            "_id": "o2",
            "name": "others",
            "_connectionId": "d",
            "http": {"relativeURI": "https://z.test/{{{connection.http.mediaType}}}", "_asyncHelperId": "h"},
        }
    )
    made = compiled(document)

    assert (
        made.findings == ()
        and [s.name for s in made.plan.streams] == ["rows", "others"]
        and made.plan.hosts == ("x.test", "y.test")
    )
    assert (
        set(made.plan.auth) == {"connection", "connections.d"} and made.plan.names["status"] == "polled.body.job | polled.body"
    )
    assert made.config["connections"]["d"]["http"]["auth"]["token"]["token"] == "s3cret"
    document["exports"][-1]["name"] = "rows"
    assert any("two exports" in m for m in said(document))


def test_csv_xml_and_absolute_addresses() -> None:
    made = compiled(resources(status={"successMediaType": "xml", "response": {"resourcePath": "/a/b c"}},
                              result={"relativeURI": "https://files.test/x", "successMediaType": "csv"}))  # fmt: skip
    stream = made.plan.streams[0]

    assert stream.records.decoder.name == "csv" and stream.retrieval.fetch.exchange is not None
    assert stream.retrieval.fetch.exchange.request.url == "https://files.test/x" and made.plan.names["status"] == "polled.body"
    poll = stream.retrieval.poll
    assert poll is not None and poll.exchange.reading.decoder is not None and poll.exchange.reading.decoder.name == "xml"
    made = compiled(resources(result={"file": {"type": "csv"}}))
    assert made.plan.streams[0].records.decoder.name == "csv"


def test_a_mapping_works_on_columns_too() -> None:
    batch = pa.RecordBatch.from_pylist([{"a": 1, "b": 2}, {"a": 3, "b": 4}])
    made = Reshape((Part("a", "x"),)).build(cast(Build, None))

    assert cast(Reshaped, made).columns(batch, Origin(PartKey("s", "j", 1, 0, 0))).to_pylist() == [{"x": 1}, {"x": 3}]
