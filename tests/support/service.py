"""A real server process, and a client that sees what goes over the wire."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from jobstream.app import store_of
from jobstream.documents.store.store import DAY, Store
from jobstream.documents.store.tokens import SCOPES, Wanted
from jobstream.ledger.seal import AesSeal

T = TypeVar("T")
KEY = "6b" * 32


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The entries of the envelope, which has nothing else."""
        assert self.headers["content-type"] == "application/json"
        assert list(self.json) == ["errors"] and self.json["errors"] and all(e["message"] for e in self.json["errors"])
        found: list[dict[str, Any]] = self.json["errors"]
        return found

    @property
    def error(self) -> dict[str, Any]:
        (only,) = self.errors
        return only

    @property
    def id(self) -> str:
        """Of what was made."""
        assert self.status == 201, self.raw
        found: str = self.json["_id"]
        return found


class Api:
    """One caller. Headers that are None are left out."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url, self.token = url, token

    def ask(self, method: str, path: str, body: Any = ..., headers: dict[str, str | None] | None = None) -> Reply:
        """body: bytes as they are, anything else as JSON."""
        at = urlsplit(self.url)
        connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=30)
        raw = None if body is ... else body if isinstance(body, bytes) else json.dumps(body).encode()
        sent: dict[str, str | None] = {"Authorization": f"Bearer {self.token}" if self.token else None,
                                       "Content-Type": "application/json" if raw is not None else None, **(headers or {})}  # fmt: skip
        try:
            connection.request(method, path, raw, {k: v for k, v in sent.items() if v is not None})
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str | None) -> Reply:
        return self.ask("GET", path, headers=headers or None)

    def post(self, path: str, body: Any = ...) -> Reply:
        return self.ask("POST", path, body)

    def put(self, path: str, body: Any = ...) -> Reply:
        return self.ask("PUT", path, body)

    def patch(self, path: str, body: Any = ...) -> Reply:
        return self.ask("PATCH", path, body)

    def delete(self, path: str) -> Reply:
        return self.ask("DELETE", path)

    # -- what most tests need first

    def connection(self, **more: Any) -> str:
        return self.post("/v1/connections", {**connection(), **more}).id

    def export(self, **more: Any) -> str:
        return self.post("/v1/exports", {"name": "Status", "adaptorType": "HTTPExport", **more}).id

    def helper(self, export: str, **more: Any) -> str:
        return self.post("/v1/asynchelpers", helper(export, **more)).id


class Served:
    """A server, and the database behind it as another process of ours sees it."""

    def __init__(self, url: str, store: Store, runner: asyncio.Runner) -> None:
        self.url, self._store, self._runner = url, store, runner

    def token(self, account: str, *scopes: str, expires: float | None = None) -> str:
        """Made beside the server, as `jobstream token create` makes one. expires: epoch seconds."""
        ends = int(expires * 1000) if expires is not None else None
        wanted = Wanted("test", scopes or SCOPES, ends=ends)
        return self.through(lambda store: store.tokens.create(account, wanted))[1]

    def through(self, act: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
        """Something done to the database while the server runs."""
        return self._runner.run(act(self._store))


@contextmanager
def serving(data: Path, db: str | None = None, *options: str, silent: bool = True) -> Iterator[Served]:
    """`jobstream serve` on a free port, until the block ends. silent: it has nothing to say on stderr."""
    command = [sys.executable, "-m", "jobstream", "serve", "--port", "0", "--data", str(data), *options]
    environ = {**os.environ, "JOBSTREAM_KEY": KEY, **({"JOBSTREAM_DB": db} if db else {})}
    with (data / "stderr").open("w") as stderr:
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=stderr, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("jobstream serves http://"), (data / "stderr").read_text()
        with asyncio.Runner() as runner:
            store = store_of(data, db, environ={"JOBSTREAM_KEY": KEY})
            try:
                yield Served(line.split()[-1], store, runner)
            finally:
                runner.run(store.close())
        process.terminate()
        assert process.wait(20) == 0
        assert not silent or not (data / "stderr").read_text()
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@asynccontextmanager
async def opened(url: str, now: Callable[[], float], bin_seconds: float = 30 * DAY) -> AsyncIterator[Store]:
    """A store of this process."""
    store = Store(url, AesSeal(bytes.fromhex(KEY)), now, bin_seconds)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def helper(export: str, **more: Any) -> dict[str, Any]:
    """A body with all that is required and nothing else."""
    status = {"_exportId": export, "statusPath": "state", "inProgressValues": ["QUEUED", "RUNNING"], "doneValues": ["DONE"]}
    return {"name": "Report job", "http": {"submit": {"sameAsStatus": False}, "status": status}, **more}


def full_helper(export: str, result: str) -> dict[str, Any]:
    """With every optional field."""
    body = helper(export)
    rules = {"type": "expression", "expression": {"version": "1", "rules": [[{"extract": "a.b", "generate": "c"}]]}}
    body["http"]["submit"] |= {"resourcePath": "$.job.id", "transform": rules}
    body["http"]["status"] |= {"doneWithoutDataValues": ["EMPTY"], "errorValues": ["FAILED", "LOST"]}
    body["http"]["result"] = {"_exportId": result}
    return body


def connection() -> dict[str, Any]:
    token = {"token": "s3cr3t-token", "location": "header", "headerName": "Authorization", "scheme": "Bearer"}
    http = {"baseURI": "https://api.acme.test/v2", "mediaType": "json", "auth": {"type": "token", "token": token}}
    return {"name": "Acme", "type": "http", "http": http}
