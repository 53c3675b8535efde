"""Connection, exports and async helper -> SourcePlan. The export that names a helper is the submit."""

from __future__ import annotations

from typing import Any, TypeAlias

from jobstream.plan.component import Component
from jobstream.plan.exchange import RETRY_AFTER, Body, Exchange, Name, Read, Reading, Request, Rule, Verdict, Wait, When
from jobstream.plan.notes import Json
from jobstream.plan.retrieval import Fetch, Here, Listing, One, Policy, Poll, Retrieval, Status, StatusMap
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import Records, StreamPlan

Resources: TypeAlias = dict[str, dict[str, Json]]  # "exports/ID" -> document


def _rule(then: Verdict, *codes: str) -> Rule:
    return Rule(then=then, when=When(codes=codes))


TABLE = (_rule("accept", "200-399"), _rule("halt", "401", "403"), _rule("throttled", "429"), _rule("stop", "4xx"),
         _rule("retry", "5xx", "unsent", "lost"))  # fmt: skip
DOUBT = (_rule("doubt", "5xx", "lost"),)
NAMES = {"record": "job.id", "data": "job.id", "submit": "created.body", "status": "polled.body", "connection": "config.connection",
         "settings": "config.settings", "export": "config.export", "lastExportDateTime": "slice.window.0",
         "currentExportDateTime": "slice.window.1"}  # fmt: skip
#: error > no data > done > in progress: a value in several lists.
LISTS: tuple[tuple[str, Status], ...] = (("inProgressValues", "running"), ("doneValues", "completed"), ("doneWithoutDataValues", "skipped"),
                                         ("errorValues", "failed"))  # fmt: skip


def _path(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(".")) if text else ()


class _Export:
    def __init__(self, document: dict[str, Json], base: str, auth: str) -> None:
        self.http: dict[str, Any] = document["http"]
        self._base, self._auth = base, auth

    @property
    def resource(self) -> Read | None:
        path = self.http.get("response", {}).get("resourcePath")
        return Read(_path(path)) if path else None

    def exchange(self, *rules: Rule, reads: bool = False, waits: tuple[Wait, ...] | None = None) -> Exchange:
        paging = self.http.get("paging", {})
        token = {"page": Name("page.token")} if paging.get("method") == "token" else {}
        body = self.http.get("body")
        request = Request(
            url=self._base + self.http["relativeURI"], method=self.http.get("method", "GET"), auth=self._auth, drop_empty=True, query={**token},
            headers={h["name"]: h["value"] for h in self.http.get("headers", ())}, body=Body(form="text", value=body) if body else None)  # fmt: skip
        reading = Reading(resource=self.resource) if reads else Reading()
        return Exchange(
            request=request,
            rules=(rules,),
            reading=reading,
            waits=waits or (RETRY_AFTER, Wait(first=1.0, factor=2.0, most=60.0)),
        )


def compile_export(id: str, all: Resources) -> SourcePlan:
    owner, connection = all[f"exports/{id}"], all[f"connections/{all[f'exports/{id}']['_connectionId']}"]
    helper: dict[str, Any] = all[f"asynchelpers/{owner['http']['_asyncHelperId']}"]["http"]
    has_token = connection["http"].get("auth", {}).get("type") == "token"
    base, auth = connection["http"]["baseURI"], "main" if has_token else ""
    submit, polled = _Export(owner, base, auth), _Export(all[f"exports/{helper['status']['_exportId']}"], base, auth)
    result = (helper.get("result") or {}).get("_exportId")
    fetched = _Export(all[f"exports/{result}"], base, auth) if result else None
    stream = StreamPlan(
        name=owner["name"], retrieval=_retrieval(helper, submit, polled, fetched),
        records=Records(decoder=Component("decoder", "json"), select=(fetched or submit).resource or Read()))  # fmt: skip
    return SourcePlan(
        name=connection["name"], language="handlebars", streams=(stream,), default_rules=TABLE, names=NAMES,
        auth={"main": Component("auth", "bearer", {"token": "{{{connection.http.auth.token.token}}}"})} if has_token else {},
        secrets=("connection.http.auth.token.token",) if has_token else ())  # fmt: skip


def _retrieval(helper: dict[str, Any], submit: _Export, polled: _Export, fetched: _Export | None) -> Retrieval:
    status, same = helper["status"], helper["submit"]["sameAsStatus"]
    one_endpoint = same and not submit.http.get("relativeURI")  # the poll begins the job
    handle = Read(_path(helper["submit"].get("resourcePath")))
    targets: tuple[Listing, ...] = (One(),) if fetched else (Here(),)
    paging = fetched.http.get("paging", {}) if fetched else {}
    pages = (
        Component("paginator", "cursor", {"token": "{{{answer.body." + paging["path"] + "}}}"})
        if paging.get("method") == "token"
        else None
    )
    wait = float(status.get("pollWaitTime") or 1) * 60
    words: dict[str, Status] = {str(v): told for key, told in LISTS for v in status.get(key) or ()}
    poll = Poll(exchange=polled.exchange(reads=True), first=float(status.get("initialWaitTime") or 0) * 60, deadline=86400.0,
                waits=(Wait(first=wait, jitter=0.0),), status=StatusMap(value=Read(_path(status["statusPath"])), map=words, unknown="failed"))  # fmt: skip
    return Retrieval(
        create=None if one_endpoint else submit.exchange(*DOUBT, reads=same), reads_created=same and not one_endpoint, poll=poll,
        job_id=None if one_endpoint else handle, targets=targets, policy=Policy(attempts=1),
        fetch=Fetch(exchange=fetched.exchange() if fetched else None, pages=pages))  # fmt: skip
