"""Celigo resources for tests, and a remote system in memory that writes down what it is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jobstream.components.catalog import Catalog
from jobstream.dialects.celigo.load import load
from jobstream.dialects.compiled import Compiled
from jobstream.jobs.job import Job
from jobstream.kinds import Wire
from jobstream.plan.notes import Json
from jobstream.testing.fake_api import Reply
from jobstream.testing.small import Small

Api = Callable[[str, str, dict[str, str], int], tuple[int, Any]]
AUTH: dict[str, Any] = {
    "type": "token",
    "token": {"token": "s3cret", "location": "header", "headerName": "Authorization", "scheme": "Bearer"},
}


def resources(
    *, owner: Json = None, status: Json = None, result: Json = None, helper: Json = None, connection: Json = None
) -> dict[str, Json]:
    """A job at https://x.test. Each argument is laid over the `http` of its resource; a None in it takes the field away."""
    http = {"submit": {"sameAsStatus": False, "resourcePath": "id"},
            "status": {"_exportId": "s", "statusPath": "state", "inProgressValues": ["RUN"], "doneValues": ["DONE"], "errorValues": ["ERR"],
                       "doneWithoutDataValues": ["NONE"], "pollWaitTime": 0.1},
            "result": {"_exportId": "r"}}  # fmt: skip
    return {
        "connections": [{"_id": "c", "name": "x", "http": _laid({"baseURI": "https://x.test", "mediaType": "json", "auth": AUTH}, connection)}],
        "exports": [
            _export("o", "rows", _laid({"method": "POST", "relativeURI": "/jobs", "_asyncHelperId": "h"}, owner)),
            _export("s", "status", _laid({"method": "GET", "relativeURI": "/jobs/{{record.id}}"}, status)),
            _export("r", "result", _laid({"method": "GET", "relativeURI": "/jobs/{{record.id}}/rows"}, result)),
        ],
        "asynchelpers": [{"_id": "h", "name": "rows", "http": _laid(http, helper)}],
    }  # fmt: skip


def _export(id: str, name: str, http: dict[str, Json]) -> dict[str, Json]:
    export: dict[str, Json] = {k: http.pop(k) for k in ("transform", "filter", "hooks", "file") if k in http}
    return {"_id": id, "name": name, "adaptorType": "HTTPExport", "_connectionId": "c", "http": http, **export}


def _laid(below: dict[str, Json], above: Json) -> dict[str, Json]:
    out = dict(below)
    for k, v in (above or {}).items():
        if v is None:
            out.pop(k, None)
        else:
            out[k] = _laid(out[k], v) if isinstance(v, dict) and isinstance(out.get(k), dict) else v
    return out


def compiled(document: Json, config: Json = None) -> Compiled:
    return load(
        "helper.json",
        document if isinstance(document, str) else json.dumps(document, indent=1),
        Catalog(),
        config=config,
        now=lambda: 0.0,
    )


class Remote:
    """Routes by function. asked: `GET /path?query`; sent: the wires themselves."""

    def __init__(self, answer: Api) -> None:
        self.answer, self.asked, self.sent = answer, list[str](), list[Wire]()

    async def send(self, wire: Wire, **_: Any) -> Reply:
        parts = urlsplit(wire.url)
        self.asked.append(f"{wire.method} {parts.path}{'?' + parts.query if parts.query else ''}")
        self.sent.append(wire)
        code, body = self.answer(wire.method, parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()}, len(self.asked))
        headers = body.pop("_headers", {}) if isinstance(body, dict) else {}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Reply(code, {"content-length": str(len(raw)), **headers}, wire.url, raw)


class Ran:
    """One run of one stream in memory."""

    def __init__(self, made: Compiled, answer: Api, stream: str = "rows") -> None:
        assert not [str(f) for f in made.findings if f.grave]
        self.remote = Remote(answer)
        self.small = Small(made.plan, made.config, self.remote)
        (self.job,) = asyncio.run(self.small.run(stream)).values()
        self.records = self.small.records(stream)

    @property
    def asked(self) -> list[str]:
        return self.remote.asked

    @property
    def phase(self) -> str:
        return self.job.phase

    @property
    def said(self) -> str:
        return why(self.job)


def why(job: Job) -> str:
    return f"{job.fault.code} {job.fault.say} {job.fault.seen}" if job.fault else ""
