"""Before anything else: who is there. Routes, tokens, the form of errors."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from jobstream.api.door import Door, Limits
from jobstream.documents.store.tokens import Token, Tokens
from service import Api, Served, connection, helper

NOBODY = "0" * 24
ROUTES = [("GET", "/v1/asynchelpers"), ("POST", "/v1/asynchelpers"), ("GET", f"/v1/asynchelpers/{NOBODY}"),
          ("PUT", f"/v1/asynchelpers/{NOBODY}"), ("PATCH", f"/v1/asynchelpers/{NOBODY}"), ("DELETE", f"/v1/asynchelpers/{NOBODY}"),
          ("GET", f"/v1/asynchelpers/{NOBODY}/dependencies")]  # fmt: skip


@pytest.mark.seed("A1")
def test_the_six_operations_and_patch_are_there(api: Api) -> None:
    export = api.export()
    made = api.post("/v1/asynchelpers", helper(export))
    one = f"/v1/asynchelpers/{made.id}"

    assert api.get("/v1/asynchelpers").status == 200
    assert api.get(one).status == 200
    assert api.put(one, helper(export)).status == 200
    assert api.get(f"{one}/dependencies").status == 200
    assert api.patch(one, []).status == 204
    assert api.delete(one).status == 204


@pytest.mark.seed("A3")
@pytest.mark.parametrize("host", ["api.integrator.io", "api.eu.integrator.io", "localhost:1", "anything"])
def test_no_answer_depends_on_the_name_of_the_host(api: Api, host: str) -> None:
    id = api.export()

    assert api.get(f"/v1/exports/{id}", Host=host).json == api.get(f"/v1/exports/{id}").json


@pytest.mark.seed("A4", "A5", "A9")
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_a_token_there_is_a_bare_401(served: Served, method: str, path: str) -> None:
    reply = Api(served.url, None).ask(method, path)

    assert (reply.status, reply.json) == (401, {"message": "Unauthorized"})
    assert reply.headers["content-type"] == "application/json"


@pytest.mark.seed("A6", "A9")
@pytest.mark.parametrize(
    "said", ["Bearer nonsense", "Bearer ", "Bearer", "Basic dTpw", "nonsense", "", "Bearer a b", "Bearer \xff"]
)
def test_an_invalid_token_is_a_bare_401_of_another_text(served: Served, said: str) -> None:
    reply = Api(served.url, None).get("/v1/asynchelpers", Authorization=said)

    assert (reply.status, reply.json) == (401, {"message": "Bearer Authentication Failed"})


@pytest.mark.seed("A7")
def test_a_revoked_token_is_an_invalid_one_at_once(served: Served, account: str) -> None:
    token = served.token(account)
    assert Api(served.url, token).get("/v1/asynchelpers").status == 204

    served.through(lambda store: store.tokens.revoke(token))

    reply = Api(served.url, token).get("/v1/asynchelpers")
    assert (reply.status, reply.json) == (401, {"message": "Bearer Authentication Failed"})


@pytest.mark.seed("A8")
def test_an_expired_token_is_an_invalid_one(served: Served, account: str) -> None:
    over, good = served.token(account, expires=time.time() - 1), served.token(account, expires=time.time() + 60)

    reply = Api(served.url, over).get("/v1/asynchelpers")

    assert (reply.status, reply.json) == (401, {"message": "Bearer Authentication Failed"})
    assert Api(served.url, good).get("/v1/asynchelpers").status == 204


@pytest.mark.seed("A10")
@pytest.mark.parametrize(
    ("method", "path", "body", "content"),
    [("GET", "/v1/asynchelpers/malformed", ..., None), ("POST", "/v1/asynchelpers", b"{", "application/json"),
     ("POST", "/v1/asynchelpers", b"name=x", "application/x-www-form-urlencoded"), ("POST", "/v1/asynchelpers", ..., None),
     ("GET", f"/v1/asynchelpers/{NOBODY}", ..., None), ("GET", "/v1/unknown", ..., None), ("BREW", "/v1/asynchelpers", ..., None),
     ("POST", "/v1/asynchelpers", b"[" * (2 << 20), "application/json")],
)  # fmt: skip
def test_401_is_decided_before_all_else(served: Served, method: str, path: str, body: object, content: str | None) -> None:
    reply = Api(served.url, None).ask(method, path, body, {"Content-Type": content})

    assert (reply.status, reply.json) == (401, {"message": "Unauthorized"})


def test_the_word_bearer_may_be_written_in_any_case(api: Api) -> None:
    assert api.get("/v1/asynchelpers", Authorization=f"bEARER {api.token}").status == 204


@pytest.mark.seed("A11", "A12", "A16")
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [("GET", "/v1/asynchelpers/malformed", ..., 400, "invalid_ref"), ("GET", f"/v1/asynchelpers/{NOBODY}", ..., 404, "invalid_ref"),
     ("POST", "/v1/asynchelpers", b"{", 400, "invalid_body"), ("POST", "/v1/asynchelpers", {}, 422, "missing_required_field"),
     ("POST", "/v1/asynchelpers", 3, 422, "invalid_field"), ("POST", "/v1/asynchelpers", b'"\xff"', 400, "invalid_body"),
     ("POST", "/v1/asynchelpers", b"[" * 100_000, 400, "invalid_body"), ("POST", "/v1/asynchelpers", b"NaN", 400, "invalid_body"),
     ("GET", "/v1/unknown", ..., 404, "not_found"), ("PUT", "/v1/asynchelpers", {}, 405, "method_not_allowed"),
     ("POST", "/v1/asynchelpers", b"1" * (6 << 20), 413, "too_large")],
)  # fmt: skip
def test_every_other_error_has_the_envelope(api: Api, method: str, path: str, body: object, status: int, code: str) -> None:
    reply = api.ask(method, path, body)

    assert (reply.status, {e["code"] for e in reply.errors}) == (status, {code})


@pytest.mark.seed("A12")
def test_a_token_that_may_not_is_told_unauthorized_and_not_whether_the_resource_is_there(
    served: Served, api: Api, account: str
) -> None:
    export = api.export()
    reader = Api(served.url, served.token(account, "read"))
    body = helper(export)

    replies = [reader.post("/v1/asynchelpers", body), reader.delete(f"/v1/exports/{export}"), reader.delete(f"/v1/exports/{NOBODY}"),
               reader.put(f"/v1/exports/{export}", {"name": "x"}), reader.patch(f"/v1/exports/{export}", []),
               reader.get("/v1/accesstokens"), reader.post(f"/v1/recycleBinTTL/exports/{export}")]  # fmt: skip

    assert {(r.status, r.error["code"]) for r in replies} == {(403, "unauthorized")}
    assert len({r.raw for r in replies[:5]}) == 1
    assert reader.get(f"/v1/exports/{export}").status == 200


@pytest.mark.seed("A14")
def test_field_points_into_the_document(api: Api) -> None:
    lacking = connection()
    del lacking["type"], lacking["http"]["baseURI"]
    lost = api.post("/v1/connections", lacking).errors
    bad = api.get("/v1/asynchelpers/12").error
    unknown = api.post("/v1/asynchelpers", helper(NOBODY)).error

    assert {(e["code"], e["field"]) for e in lost} == {("missing_required_field", f) for f in ("type", "http.baseURI")}
    assert (bad["code"], bad["field"]) == ("invalid_ref", "_id")
    assert (unknown["code"], unknown["field"]) == ("invalid_ref", "http.status._exportId")


@pytest.mark.seed("A17")
def test_another_accounts_helper_answers_exactly_as_an_unknown_one(api: Api, other: Api) -> None:
    export, body = api.export(), helper(other.export())
    there, nowhere = api.helper(export), NOBODY

    def heard(id: str) -> list[tuple[int, bytes]]:
        one = f"/v1/asynchelpers/{id}"
        replies = [other.get(one), other.put(one, body), other.patch(one, [{"op": "replace", "path": "/name", "value": "x"}]),
                   other.delete(one), other.get(f"{one}/dependencies"), other.get(f"{one}/audit")]  # fmt: skip
        return [(r.status, r.raw) for r in replies]

    assert heard(there) == heard(nowhere)
    assert api.get(f"/v1/asynchelpers/{there}").json["name"] == "Report job"


@pytest.mark.parametrize("content", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_a_body_of_another_type_is_415(api: Api, content: str) -> None:
    reply = api.ask("POST", "/v1/exports", b'{"name": "x"}', {"Content-Type": content})

    assert (reply.status, reply.error["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("content", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json", None])
def test_json_is_json_whatever_stands_behind_it(api: Api, content: str | None) -> None:
    assert api.ask("POST", "/v1/exports", b'{"name": "x"}', {"Content-Type": content}).status == 201


def test_a_get_may_carry_the_type_of_a_body_that_it_has_not(api: Api) -> None:
    assert api.ask("GET", "/v1/asynchelpers", headers={"Content-Type": "application/json"}).status == 204


@pytest.mark.parametrize(("name", "value"), [("Host", "evil.example"), ("Host", "127.0.0.1.evil.example"),
                                             ("Origin", "https://evil.example"), ("Origin", "null")])  # fmt: skip
def test_a_page_of_another_name_does_not_reach_what_browsers_may_see(served: Served, name: str, value: str) -> None:
    reply = Api(served.url, None).get("/openapi.json", **{name: value})

    assert (reply.status, reply.error["code"]) == (403, "foreign_host")
    assert Api(served.url, None).get("/openapi.json", Origin="http://localhost:3000").status == 200


# -- bodies that are too slow or stop short, against the door alone


async def through_the_door(*parts: bytes | None, length: int | None = None) -> list[Any]:
    """What a door with a limit of 10 bytes and 50 ms answers a token's body in parts. None: nothing more comes."""
    heard, left = list[Any](), list(parts)
    token = Token("0" * 24, "a", "t", None, ("read",), None, 0, 0, None, None)

    class Known(Tokens):
        def __init__(self) -> None: ...
        async def good(self, text: str) -> Token | None:
            return token

    async def receive() -> Any:
        if left and left[0] is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append((await receive())["body"])

    async def send(message: Any) -> None:
        heard.append(message.get("status"))

    headers = [(b"authorization", b"Bearer x"), *([(b"content-length", str(length).encode())] if length else [])]
    door = Door(app, Known(), Limits(body_bytes=10, body_seconds=0.05), frozenset(), lambda: 0.0)
    await door({"type": "http", "path": "/v1/exports", "headers": headers}, receive, send)
    return heard


async def test_a_body_is_read_once_and_whole() -> None:
    assert await through_the_door(b"12345", b"67890") == [b"1234567890"]
    assert await through_the_door(b"") == [b""]


@pytest.mark.parametrize(
    ("parts", "length"), [((b"12345", b"678901"), None), ((b"1" * 11,), None), ((b"12", None), 11), ((b"1" * 99, None), 99)]
)
async def test_a_large_body_is_refused_by_its_length_or_its_bytes(parts: tuple[bytes | None, ...], length: int | None) -> None:
    assert (await through_the_door(*parts, length=length))[0] == 413


async def test_a_slow_body_is_refused() -> None:
    assert (await through_the_door(b"1", None))[0] == 408
