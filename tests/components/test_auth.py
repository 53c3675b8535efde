"""Credentials: where they go, how tokens are had, kept, renewed and refused; nothing secret in a fault."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from jobstream.jobs.event import Answer
from jobstream.kinds import Held, Refused, Wire
from jobstream.template.language import Scope, TemplateFault
from tries import built

CONFIG = {"key": "k3y&=", "user": "ünal", "refresh": "R1", "secret": "s3cret"}
NAMES = Scope({"config": lambda: CONFIG})
GET = Wire("GET", "https://a.test/x?p=%20q", {"X": "1"})


def signed(name: str, wire: Wire = GET, /, **options: Any) -> Wire:
    auth = built("auth", name, **options)
    assert auth.acquire(None, NAMES, 0.0) is None
    got: Wire = auth.sign(wire, None, NAMES)
    return got


def test_an_api_key_goes_where_it_is_told() -> None:
    key = {"name": "api_key", "token": "{{ config['key'] }}"}
    assert signed("api_key", **key).headers == {"X": "1", "api_key": "k3y&="}
    assert signed("api_key", **key, into="query").url == "https://a.test/x?p=%20q&api_key=k3y%26%3D"
    assert signed("api_key", Wire("GET", "https://a.test/"), **key, into="query").url == "https://a.test/?api_key=k3y%26%3D"
    post = Wire("POST", "https://a.test/", {}, b'{"a":1}')
    assert msgspec.json.decode(signed("api_key", post, **key, into="body_json").body) == {"a": 1, "api_key": "k3y&="}
    deep = signed("api_key", post, **key, into="body_json", path=["auth", "key"])
    assert msgspec.json.decode(deep.body) == {"a": 1, "auth": {"key": "k3y&="}}
    empty = signed("api_key", Wire("POST", "https://a.test/"), **key, into="body_json")
    assert (empty.body, empty.headers) == (b'{"api_key":"k3y&="}', {"Content-Type": "application/json"})
    form = signed("api_key", Wire("POST", "https://a.test/", {"content-type": "x"}, b"a=1"), **key, into="body_data")
    assert (form.body, form.headers) == (b"a=1&api_key=k3y%26%3D", {"content-type": "x"})
    assert signed("api_key", Wire("POST", "https://a.test/"), **key, into="body_data").body == b"api_key=k3y%26%3D"


@pytest.mark.parametrize(("body", "path"), [(b"[1]", []), (b"\xff", []), (b'{"auth":5}', ["auth", "key"])])
def test_a_key_for_a_body_that_is_no_object_is_a_fault(body: bytes, path: list[str]) -> None:
    with pytest.raises(TemplateFault):
        signed("api_key", Wire("POST", "https://a.test/", {}, body), name="k", token="t", into="body_json", path=path)


def test_basic_is_utf_8_and_refuses_a_colon_in_the_user() -> None:
    header = signed("basic", user="{{ config.user }}", password="p:w").headers["Authorization"]
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == "ünal:p:w"
    with pytest.raises(TemplateFault, match="colon"):
        signed("basic", user="a:b")


def test_bearer() -> None:
    assert signed("bearer", token="{{ config['key'] }}").headers["Authorization"] == "Bearer k3y&="


class Talk:
    """An acquire, answered from a list."""

    def __init__(self, held: Held | None = None, /, now: Any = 1000.0, config: Any = CONFIG, **options: Any) -> None:
        self.auth = built("auth", "oauth", **{"token_url": "https://a.test/t", "client_id": "id", "client_secret": "{{ config.secret }}", **options})  # fmt: skip
        self.names = Scope({"config": lambda: config})
        self.run = self.auth.acquire(held, self.names, now)
        self.wire: Wire | None = None
        self.held: Held | None = held
        if self.run is not None:
            self._step(None)

    def answer(self, body: Any, code: int = 200) -> Held:
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        self._step(Answer(code, {}, raw, ""))
        assert self.held is not None
        return self.held

    def _step(self, answer: Answer | None) -> None:
        try:
            self.wire = self.run.send(answer)
        except StopIteration as done:
            self.held = done.value

    @property
    def form(self) -> dict[str, list[str]]:
        assert self.wire is not None
        return parse_qs(self.wire.body.decode())


def test_client_credentials_with_scopes_in_one_text() -> None:
    talk = Talk(scopes=["a", "b"], body={"audience": "x", "grant_type": "clash"}, headers={"X-A": "1"})
    assert talk.form == {"client_id": ["id"], "client_secret": ["s3cret"], "grant_type": ["client_credentials"], "scope": ["a b"],
                         "audience": ["x"]}  # fmt: skip
    assert talk.wire is not None
    assert talk.wire.headers == {"Content-Type": "application/x-www-form-urlencoded", "X-A": "1"}
    held = talk.answer({"access_token": "A", "expires_in": "3599.5"})
    assert (held.values["access"], held.until) == ("A", 4599.5)
    assert talk.auth.sign(GET, held, NAMES).headers["Authorization"] == "Bearer A"
    assert Talk(held, now=4599.0 - 60).run is None
    assert Talk(held, now=4600.0 - 60).run is not None


def test_scopes_of_another_name_are_repeated() -> None:
    assert Talk(scopes=["a", "b"], scopes_name="scopes").form["scopes"] == ["a", "b"]


def test_names_of_fields_and_answers_are_options() -> None:
    talk = Talk(client_id_name="cid", client_secret_name="cs", grant_name="gt", refresh_token_name="rt", refresh_token="R1",
                access_token_name="tok", expires_in_name="exp", new_refresh_token_name="rt")  # fmt: skip
    assert talk.form == {"cid": ["id"], "cs": ["s3cret"], "gt": ["refresh_token"], "rt": ["R1"]}
    held = talk.answer({"data": [{"tok": "A", "exp": 10}], "rt": "R2"})
    assert (held.values["access"], held.values["refresh"], held.until) == ("A", "R2", 1010.0)


def test_id_and_secret_may_be_user_and_password_or_left_to_a_header_of_ones_own() -> None:
    talk = Talk(client="basic")
    assert talk.wire is not None
    assert talk.form == {"grant_type": ["client_credentials"]}
    assert talk.wire.headers["Authorization"] == "Basic " + base64.b64encode(b"id:s3cret").decode()
    assert Talk(headers={"authorization": "Basic xyz"}).form == {"grant_type": ["client_credentials"]}


def test_the_request_may_be_json_or_a_query() -> None:
    json, query = Talk(send="json").wire, Talk(send="query", token_url="https://a.test/t?a=1").wire
    assert json is not None
    assert query is not None
    assert msgspec.json.decode(json.body)["grant_type"] == "client_credentials"
    assert parse_qs(urlsplit(query.url).query) == {"a": ["1"], "client_id": ["id"], "client_secret": ["s3cret"], "grant_type": ["client_credentials"]}  # fmt: skip
    assert query.body == b""


def test_password_and_custom_grants() -> None:
    form = Talk(grant="password", user="u", password="{{ config.secret }}").form
    assert (form["username"], form["password"]) == (["u"], ["s3cret"])
    assert Talk(grant="urn:x", body={"assertion": "{{ config.refresh }}"}).form["assertion"] == ["R1"]


def test_a_rotated_refresh_token_is_used_next_until_the_configured_one_changes() -> None:
    options: dict[str, Any] = {"refresh_token": "{{ config.refresh }}"}
    held = Talk(**options).answer({"access_token": "A", "refresh_token": "R2"})
    assert held.until == 1000.0 + 3600
    assert Talk(held, now=9999, **options).form["refresh_token"] == ["R2"]
    kept = Talk(held, now=9999, **options).answer({"access_token": "B"})
    assert kept.values["refresh"] == "R2"
    again = Talk(held, config={**CONFIG, "refresh": "R9"}, **options)
    assert again.form["refresh_token"] == ["R9"]


def test_a_known_access_token_is_used_while_it_lives() -> None:
    options: dict[str, Any] = {"access_token": "K", "access_token_until": "1970-01-01T01:00:00Z"}
    held = Talk(**options).held
    assert held is not None
    assert (held.values["access"], held.until) == ("K", 3600.0)
    assert Talk(now=3590, **options).wire is not None
    assert Talk(msgspec.structs.replace(held, until=0.0), **options).wire is not None
    assert Talk(access_token="K").wire is not None
    fixed = Talk(access_token="K", token_url="").held
    assert fixed is not None
    assert fixed.until == float("inf")
    with pytest.raises(Refused, match="no token URL"):
        Talk(msgspec.structs.replace(fixed, until=0.0), access_token="K", token_url="")
    with pytest.raises(Refused, match="there is no access token"):
        Talk(token_url="")
    with pytest.raises(Refused, match="no instant"):
        Talk(access_token="K", access_token_until="soon")


@pytest.mark.parametrize(("form", "told"), [("%Y-%m-%d %H:%M", "1970-01-02 00:00"), ("iso", "1970-01-02T00:00:00+00:00"), ("%s", 86400),
                                            ("%Y", "1970-01-02T01:00:00+01:00")])  # fmt: skip
def test_the_expiry_may_be_an_instant(form: str, told: Any) -> None:
    assert Talk(expiry_format=form).answer({"access_token": "A", "expires_in": told}).until == 86400.0


def test_an_expiry_that_is_no_number_is_a_fault() -> None:
    with pytest.raises(Refused, match="'soon' and no number"):
        Talk().answer({"access_token": "A", "expires_in": "soon"})


def test_answers_as_forms_are_read() -> None:
    assert Talk().answer(b"access_token=A&expires_in=5").until == 1005.0


@pytest.mark.parametrize(("code", "body", "says"), [
    (400, {"error": "invalid_grant", "error_description": "s3cret R1"}, "not accepted any more (invalid_grant): sign in again"),
    (401, {"error": "invalid_client"}, "answered 401 (invalid_client)"),
    (400, {"error": {"s": "s3cret"}}, "answered 400"), (403, b"<html>s3cret", "answered 403"),
    (400, {"error": "x" * 99 + "s3cret"}, "answered 400"),
    (200, {"token": "s3cret"}, "no access_token, only: token"), (200, b"<html>s3cret", "no JSON object"), (200, {"access_token": 5}, "no access_token"),
])  # fmt: skip
def test_a_refusal_is_clear_and_says_nothing_secret(code: int, body: Any, says: str) -> None:
    with pytest.raises(Refused) as caught:
        Talk(refresh_token="R1").answer(body, code)
    assert says in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_what_counts_as_a_revoked_token_is_an_option() -> None:
    with pytest.raises(Refused, match="sign in again"):
        Talk(refused_codes=[403], refused_key="code", refused_values=["7"]).answer({"code": 7}, 403)
