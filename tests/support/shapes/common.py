"""What the hand-compiled plans share: helpers, the dialects' names and default tables."""

from __future__ import annotations

from typing import Any

from jobstream.plan.component import Component, Kind
from jobstream.plan.exchange import RETRY_AFTER, Body, Exchange, Read, Reading, Request, Rule, Verdict, Wait, When
from jobstream.plan.retrieval import Fetch, Retrieval, Status, StatusMap
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import Records, StreamPlan


def rule(then: Verdict, *codes: str, holds: str = "", **k: Any) -> Rule:
    return Rule(then=then, when=When(codes=codes, holds=holds), **k)


def use(kind: Kind, name: str, /, **options: Any) -> Component:
    return Component(kind, name, options)


def get(url: str, *rules: Rule, auth: str = "main", most: int = 1 << 20, **k: Any) -> Exchange:
    return Exchange(request=Request(url=url, auth=auth, **k), rules=(rules,), reading=Reading(most=most))


def post(url: str, *rules: Rule, body: Any = None, auth: str = "main", method: str = "POST", **k: Any) -> Exchange:
    b = body if isinstance(body, Body) or body is None else Body(form="json", value=body)
    return Exchange(request=Request(url=url, method=method, body=b, auth=auth, **k), rules=(rules,))


def delete(url: str) -> Exchange:
    return Exchange(request=Request(url=url, method="DELETE", auth="main"))


def gz(name: str, **options: Any) -> Component:
    return use("decoder", "gzip", inner=use("decoder", name, **options))


def status(path: str, **buckets: str) -> StatusMap:
    named: dict[str, Status] = {v: k for k, vs in buckets.items() for v in vs.split()}  # type: ignore[misc]
    return StatusMap(value=Read(tuple(path.split("."))), map=named)


# Airbyte's default table as data; a create that may have made a job is in doubt, whatever the table calls it.
AIRBYTE_TABLE = (
    rule("accept", "200-399"), rule("halt", "401", "403"), rule("stop", "400", "404", "405"), rule("throttled", "429"),
    rule("retry", "4xx", "5xx", "unsent", "lost"),
)  # fmt: skip
CELIGO_TABLE = (
    rule("accept", "200-399"), rule("halt", "401", "403"), rule("throttled", "429"), rule("stop", "4xx"),
    rule("retry", "5xx", "unsent", "lost"),
)  # fmt: skip
DEFAULT = (
    rule("accept", "200-399"), rule("halt", "401"), rule("throttled", "429", "503", waits=(RETRY_AFTER, Wait(first=10.0, factor=2.0))),
    rule("stop", "4xx"), rule("retry", "5xx", "unsent", "lost"),
)  # fmt: skip
DOUBT = (rule("doubt", "5xx", "lost"),)
STALE = rule("relist", "403", "410")
AIRBYTE_NAMES = {
    "creation_response": "created.view", "polling_response": "polled.view", "download_target": "target.value",
    "stream_slice": "slice.flat", "stream_partition": "slice.flat", "stream_interval": "slice.flat",
    "next_page_token": "page.wrapped", "response": "answer.body", "headers": "answer.headers", "last_page_size": "page_size",
}  # fmt: skip
CELIGO_NAMES = {
    "record": "job.id", "data": "job.id", "submit": "created.body", "status": "polled.body", "connection": "config.connection",
    "settings": "config.settings", "export": "config.export", "lastExportDateTime": "slice.window.0",
    "currentExportDateTime": "slice.window.1",
}  # fmt: skip
BEARER = {"main": use("auth", "bearer", token="{{ config.token }}")}
CSV_GZ, JSONL_GZ = Records(decoder=gz("csv")), Records(decoder=gz("jsonl"))


def source(stream: StreamPlan, **k: Any) -> SourcePlan:
    given: dict[str, Any] = {
        "names": AIRBYTE_NAMES,
        "auth": BEARER,
        "language": "jinja",
        "default_rules": DEFAULT,
        "secrets": ("token",),
    } | k
    parents = (StreamPlan(name=stream.partitions.options["stream"], hidden=True, records=Records(decoder=use("decoder", "json")),
                          retrieval=Retrieval(fetch=Fetch(exchange=get("https://api.x.com/parents")))),) if stream.partitions else ()  # fmt: skip
    return SourcePlan(name=stream.name, streams=(stream, *parents), **given)
