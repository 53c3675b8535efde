"""Tokens: of the command line, over the API, and what they may."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jobstream.api.door import Buckets
from jobstream.cli.main import run
from service import Api, Served, serving

TOKENS = "/v1/accesstokens"
NOBODY = "0" * 24


def ahead(**span: float) -> str:
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(**span)).isoformat()


class Told(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """`jobstream token ...` in this process."""

    def call(*args: str) -> Told:
        try:
            code = run(["token", *args, "--data", str(tmp_path)])
        except SystemExit as e:  # argparse
            code = int(e.code or 0)
        told = capsys.readouterr()
        return Told(code, told.out, told.err)

    return call


# -- the command


@pytest.mark.seed("A7", "A8")
def test_the_command_makes_lists_and_revokes_tokens(tmp_path: Path, command: Callable[..., Told]) -> None:
    made = subprocess.run([sys.executable, "-m", "jobstream", "token", "create"], env={**os.environ, "JOBSTREAM_DATA": str(tmp_path)},
                          capture_output=True, text=True, check=True)  # fmt: skip
    token = made.stdout.removesuffix("\n")
    assert made.stderr == "" and len(token) > 40 and "\n" not in token and " " not in token
    reader = command("create", "--account", "acme", "--scope", "read,run", "--expires", "30d").out.strip()
    brief = command("create", "--scope", "read", "--scope", "run", "manage", "--expires", "0.001s").out.strip()

    rows = [json.loads(line) for line in command("list", "--json").out.splitlines()]
    assert [(r["account"], r["scopes"], r["state"]) for r in rows] == [
        ("default", "read,run,manage", "good"), ("acme", "read,run", "good"), ("default", "read,run,manage", "ended")]  # fmt: skip
    assert [json.loads(x)["account"] for x in command("list", "--json", "--account", "acme").out.splitlines()] == ["acme"]
    table = command("list").out
    assert token not in table and "ACCOUNT" in table and len(table.splitlines()) == 4

    with serving(tmp_path, None) as served:
        assert (
            Api(served.url, token).get("/v1/asynchelpers").status
            == Api(served.url, reader).get("/v1/asynchelpers").status
            == 204
        )
        assert Api(served.url, reader).post("/v1/exports", {"name": "x"}).status == 403
        assert Api(served.url, brief).get("/v1/asynchelpers").json == {"message": "Bearer Authentication Failed"}

        assert command("revoke", token).code == 0 and command("revoke", rows[1]["id"]).code == 0

        for gone in (token, reader):
            assert Api(served.url, gone).get("/v1/asynchelpers").json == {"message": "Bearer Authentication Failed"}


@pytest.mark.parametrize(
    ("args", "word"),
    [(("create", "--scope", "write"), "write"), (("create", "--expires", "soon"), "soon"), (("create", "--account", ""), "account"),
     (("revoke", "nobody"), "no such token"), (("list", "--db", "mysql://x/y"), "mysql")],
)  # fmt: skip
def test_a_wrong_call_is_told(command: Callable[..., Told], args: tuple[str, ...], word: str) -> None:
    told = command(*args)

    assert told.code == 2 and word in told.err and told.out == ""


# -- as resources


def test_the_text_of_a_token_is_told_once(api: Api, served: Served) -> None:
    made = api.post(TOKENS, {"name": "Mine", "description": "d", "fullAccess": True, "autoPurgeAt": ahead(days=3)})
    one = f"{TOKENS}/{made.id}"

    assert Api(served.url, made.json["token"]).get(one).json == {**made.json, "token": "******"}
    assert made.json["fullAccess"] and made.json["autoPurgeAt"] and not made.json["revoked"]
    assert {t["token"] for t in api.get(TOKENS).json} == {"******"} and len(api.get(TOKENS).json) == 2


def test_a_token_is_revoked_before_it_is_deleted(api: Api, served: Served) -> None:
    made = api.post(TOKENS, {"name": "Mine", "fullAccess": True})
    one, caller = f"{TOKENS}/{made.id}", Api(served.url, made.json["token"])
    assert api.delete(one).error["field"] == "revoked"

    revoked = api.put(one, {"name": "Mine", "fullAccess": True, "revoked": True})
    assert revoked.json["revoked"] and caller.get(one).json == {"message": "Bearer Authentication Failed"}
    assert api.put(one, {"name": "Mine", "fullAccess": True}).json["revoked"] is False and caller.get(one).status == 200
    api.put(one, {"name": "Mine", "fullAccess": True, "revoked": True})

    assert api.delete(one).status == 204 and api.get(one).status == api.delete(one).status == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [({"name": "x"}, "fullAccess"), ({"name": "x", "fullAccess": True, "_exportIds": [NOBODY]}, "fullAccess"),
     ({"name": "x", "_exportIds": [NOBODY]}, "_exportIds[0]"), ({"name": "x", "_apiIds": [NOBODY]}, "_apiIds"), ({"fullAccess": True}, "name"),
     ({"name": "x", "fullAccess": True, "autoPurgeAt": "soon"}, "autoPurgeAt"), ({"name": "x\u0000", "fullAccess": True}, "name"),
     ({"name": "x", "fullAccess": True, "autoPurgeAt": ahead(days=31)}, "autoPurgeAt"),
     ({"name": "x", "fullAccess": True, "autoPurgeAt": ahead(days=-1)}, "autoPurgeAt")],
)  # fmt: skip
def test_a_token_that_cannot_be_is_refused(api: Api, body: dict[str, Any], field: str) -> None:
    reply = api.post(TOKENS, body)

    assert (reply.status, reply.error["field"]) == (422, field) and len(api.get(TOKENS).json) == 1


def test_a_token_for_single_resources_opens_these_and_no_others(api: Api, served: Served) -> None:
    mine, theirs, connection = api.export(), api.export(), api.connection()
    made = api.post(TOKENS, {"name": "Narrow", "_exportIds": [mine]})
    narrow = Api(served.url, made.json["token"])

    assert narrow.get(f"/v1/exports/{mine}").status == 200 and [e["_id"] for e in narrow.get("/v1/exports").json] == [mine]
    assert narrow.get("/v1/connections").status == 204
    refused = [narrow.get(f"/v1/exports/{theirs}"), narrow.get(f"/v1/exports/{NOBODY}"), narrow.get(f"/v1/connections/{connection}"),
               narrow.put(f"/v1/exports/{mine}", {"name": "x"}), narrow.post("/v1/exports", {"name": "x"}), narrow.get("/v1/recycleBinTTL"),
               narrow.get("/v1/audit"), narrow.get(TOKENS), narrow.post(TOKENS, {"name": "x", "fullAccess": True})]  # fmt: skip
    assert {(r.status, r.error["code"]) for r in refused} == {(403, "unauthorized")}
    assert narrow.get("/v1/tokenInfo").json["scope"] == "read run"


def test_another_accounts_token_is_an_unknown_one(api: Api, other: Api) -> None:
    id = api.post(TOKENS, {"name": "Mine", "fullAccess": True}).id
    body = {"name": "x", "fullAccess": True}

    def heard(id: str) -> list[tuple[int, bytes]]:
        replies = (other.get(f"{TOKENS}/{id}"), other.put(f"{TOKENS}/{id}", body), other.delete(f"{TOKENS}/{id}"))
        return [(r.status, r.raw) for r in replies]

    assert heard(id) == heard(NOBODY) and {status for status, _ in heard(id)} == {404}
    assert id not in {t["_id"] for t in other.get(TOKENS).json}


def test_what_a_token_is(api: Api, other: Api, served: Served, account: str) -> None:
    mine, theirs = api.get("/v1/tokenInfo").json, other.get("/v1/tokenInfo").json
    reader = Api(served.url, served.token(account, "read"))

    assert mine["scope"] == "*" and mine["_userId"] != theirs["_userId"]
    assert reader.get("/v1/tokenInfo").json == {"_userId": mine["_userId"], "scope": "read"}


@pytest.mark.parametrize("scope", ["read", "run", "manage"])
def test_scopes(api: Api, served: Served, account: str, scope: str) -> None:
    id, caller = api.export(), Api(served.url, served.token(account, scope))
    may = scope == "manage"

    assert caller.get("/v1/exports").status == caller.get(f"/v1/exports/{id}").status == 200
    assert caller.post("/v1/exports", {"name": "x"}).status == (201 if may else 403)
    assert caller.put(f"/v1/exports/{id}", {"name": "x"}).status == (200 if may else 403)
    assert caller.delete(f"/v1/exports/{id}").status == (204 if may else 403)
    assert caller.get(TOKENS).status == 403


# -- how often


def test_an_account_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    with serving(tmp_path, None, "--rate-limit", "3") as served:
        api, other = (Api(served.url, served.token(a)) for a in "ab")
        replies = [api.get("/v1/asynchelpers") for _ in range(14)]

        assert [r.status for r in replies[:10]] == [204] * 10
        late = next(r for r in replies if r.status == 429)
        assert late.error == {"code": "rate_limited", "message": "Too many requests. Retry after 1 second."}
        assert late.headers["retry-after"] == "1" and other.get("/v1/asynchelpers").status == 204
        time.sleep(1)
        assert api.get("/v1/asynchelpers").status == 204


def test_a_bucket_fills_by_the_clock() -> None:
    now = [0.0]
    buckets = Buckets(300, lambda: now[0])

    assert [buckets.take("a") for _ in range(1000)] == [0] * 1000 and buckets.take("a") == 1
    now[0] += 1
    assert [buckets.take("a") for _ in range(300)] == [0] * 300 and buckets.take("a") == 1
    assert buckets.take("b") == 0 and Buckets(0, lambda: 0.0).take("a") == 0
