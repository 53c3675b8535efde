"""A remote job API in memory that misbehaves on order. It speaks at the Transport port: real wires in, real answers out.

POST /jobs {key}   GET /jobs?key=   GET /jobs/{id}   GET /jobs/{id}/files/{k}?sig=&page=   DELETE /jobs/{id}   POST /jobs/{id}/clean
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Struct

from jobstream.kinds import Wire
from jobstream.ports import NoAnswer, NotSent

#: ok · lost: done, answer lost · unsent: never left · 429 · 500: done, and then an error · busy: 409 on a create ·
#: stale: 403 on a download · short: a body cut off at a line · cut: the line breaks in the middle of the body
Fault: TypeAlias = Literal["ok", "lost", "unsent", "429", "500", "busy", "stale", "short", "cut"]


class Remote(Struct):
    """A job as the API has it."""

    id: str
    key: str
    slice: str
    left: int
    end: str
    made: float
    aborted: bool = False
    cleaned: bool = False


class Reply(Struct):
    code: int
    headers: dict[str, str]
    url: str
    body: bytes
    via: str = ""
    breaks: bool = False

    async def close(self) -> None:
        """Nothing is held."""

    async def chunks(self) -> AsyncIterator[bytes]:
        third = len(self.body) // 3
        chunks = (self.body[:third], self.body[third : 2 * third], self.body[2 * third :])
        for chunk in chunks[:2] if self.breaks else chunks:
            await asyncio.sleep(0)
            if chunk:
                yield chunk
        if self.breaks:
            raise NoAnswer("reset in the body")


class FakeApi:
    """dedupes: the same key gives the same job · lag: a new job is listed only after this many seconds · broken: the first n
    attempts of a slice end in failure · pages: of each file · alive: raises when the caller has been killed."""

    def __init__(self, faults: list[Fault], *, fetch_faults: list[Fault] | None = None, polls: int = 1, files: int = 1, pages: int = 1, dedupes: bool = False,
                 broken: int = 0, at_once: bool = False, lag: float = 0.0, now: Callable[[], float] = lambda: 0.0,
                 alive: Callable[[], None] = lambda: None) -> None:  # fmt: skip
        self.fetch_faults = list(fetch_faults or [])
        self.faults, self.polls, self.files, self.pages, self.dedupes = list(faults), polls, files, pages, dedupes
        self.broken, self.at_once, self.lag, self.now, self.alive = broken, at_once, lag, now, alive
        self.jobs: dict[str, Remote] = {}
        self.calls: Counter[str] = Counter()
        self.ranges, self.sent = 0, Counter[str]()  # 206 given; bytes of file bodies that were put on the line, by path
        self.slow = 0  # rounds of the loop that each file takes longer than the one before it
        self.links, self.readings = 0, Counter[str]()

    async def send(self, wire: Wire, *, timeout: float, follow: bool, budget: str) -> Reply:
        await asyncio.sleep(0)
        self.alive()
        faults = self.fetch_faults if "/files/" in wire.url or "/pages/" in wire.url else self.faults
        fault = faults.pop() if faults else "ok"
        if fault == "unsent":
            raise NotSent("refused")
        if fault == "429" or (fault in ("busy", "stale") and not self._suits(wire, fault)):
            return self._reply(wire, 429, {}, {"retry-after": "7"})
        if fault in ("busy", "stale"):
            return self._reply(wire, 409 if fault == "busy" else 403, {})
        reply = self._route(wire)
        path = urlsplit(wire.url).path
        for _ in range(1 + self.slow * (int(path.rpartition("/")[2]) if "/files/" in path else 0)):
            await asyncio.sleep(0)
        self.alive()
        if fault == "lost":
            raise NoAnswer("reset")
        if fault == "500":
            return self._reply(wire, 500, {})
        reply.breaks = reply.breaks or fault == "cut"
        if fault == "short" and reply.body:
            reply.headers["content-length"] = str(len(reply.body))
            reply.body = reply.body[: reply.body.rfind(b"\n", 0, -1) + 1]  # whole lines are missing: only the length tells
        return reply

    def _suits(self, wire: Wire, fault: Fault) -> bool:
        path = urlsplit(wire.url).path
        return (fault == "busy" and wire.method == "POST" and path == "/jobs") or (fault == "stale" and "/files/" in path)

    def _route(self, wire: Wire) -> Reply:
        parts = urlsplit(wire.url)
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        match wire.method, parts.path.strip("/").split("/"):
            case "POST", ["jobs"]:
                return self._create(wire)
            case "GET", ["jobs"]:
                self.calls["lookup"] += 1
                seen = [j for j in self.jobs.values() if j.key == query["key"] and self.now() >= j.made + self.lag]
                return self._reply(wire, 200, self._show(seen[0])) if seen else self._reply(wire, 404, {})
            case "GET", ["jobs", i]:
                self.calls["poll"] += 1
                self.jobs[i].left = max(self.jobs[i].left - 1, 0)
                return self._reply(wire, 200, self._show(self.jobs[i]))
            case "GET", ["jobs", i, "files", k]:
                self.calls["fetch"] += 1
                return self._part(wire, self._file(wire, self.jobs[i], int(k), int(query.get("page", "0"))))
            case "GET", ["pages", piece]:  # not stable: another reading gives other rows
                self.readings[piece] += "page" not in query
                return self._file(
                    wire, Remote(f"reading {self.readings[piece]}", "", piece, 0, "ready", 0.0), 0, int(query.get("page", "0"))
                )
            case "DELETE", ["jobs", i]:
                self.jobs[i].aborted = True
                return self._reply(wire, 204, None)
            case "POST", ["jobs", i, "clean"]:
                self.jobs[i].cleaned = True
                return self._reply(wire, 204, None)
            case _:
                return self._reply(wire, 404, {})

    def _create(self, wire: Wire) -> Reply:
        self.calls["create"] += 1
        asked = msgspec.json.decode(wire.body)
        old = [j for j in self.jobs.values() if j.key == asked["key"]]
        if old and self.dedupes:
            return self._reply(wire, 200, self._show(old[0]))
        nth = sum(j.slice == asked["slice"] for j in self.jobs.values())
        job = Remote(f"r{len(self.jobs)}", asked["key"], asked["slice"], 0 if self.at_once else self.polls,
                     "broken" if nth < self.broken else "ready", self.now())  # fmt: skip
        self.jobs[job.id] = job
        return self._reply(wire, 201, self._show(job))

    def _show(self, j: Remote) -> dict[str, Any]:
        body: dict[str, Any] = {"id": j.id, "status": "pending" if j.left else j.end, "n": self.files}
        if not j.left:
            self.links += 1
            body["urls"] = [
                {"part": k, "url": f"https://api.test/jobs/{j.id}/files/{k}?sig={self.links}"} for k in range(self.files)
            ]
        return body

    def _file(self, wire: Wire, j: Remote, k: int, page: int) -> Reply:
        if j.cleaned:
            return self._reply(wire, 404, {})
        rows = [{"slice": j.slice, "remote": j.id, "file": k, "page": page, "i": i} for i in range(3)]
        raw = b"".join(msgspec.json.encode(r) + b"\n" for r in rows)
        headers = {"content-length": str(len(raw))} | ({"x-next": str(page + 1)} if page + 1 < self.pages else {})
        return Reply(200, headers, wire.url, raw)

    def _part(self, wire: Wire, whole: Reply) -> Reply:
        """The rest of a body, where it is asked for and still the same."""
        if whole.code != 200:
            return whole
        path = urlsplit(wire.url).path
        whole.headers.setdefault("etag", f'"{path}/{len(whole.body)}"')
        start = int(wire.headers.get("Range", "bytes=0-")[6:-1])
        if not start or wire.headers.get("If-Range") != whole.headers["etag"]:
            self.sent[path] += len(whole.body)
            return whole
        self.ranges += 1
        n = len(whole.body)
        self.sent[path] += n - start
        at = f"bytes */{n}" if start >= n else f"bytes {start}-{n - 1}/{n}"
        headers = {**whole.headers, "content-range": at, "content-length": str(max(n - start, 0))}
        return Reply(416 if start >= n else 206, headers, wire.url, whole.body[start:])

    def _reply(self, wire: Wire, code: int, body: Any, headers: dict[str, str] | None = None) -> Reply:
        raw = b"" if body is None else msgspec.json.encode(body)
        return Reply(code, {"content-type": "application/json", **(headers or {})}, wire.url, raw)
