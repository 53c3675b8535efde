"""One request for bytes of a target, and what its answer is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from jobstream.engine.answers import answer_of
from jobstream.engine.exchange import Caller, Signed, page_names
from jobstream.jobs.command import Send
from jobstream.jobs.event import Answer, Fault
from jobstream.jobs.job import Job
from jobstream.meaning.judge import RuleFault, judge
from jobstream.meaning.read import Answered, Broken, Lost, Result, Tools, scope_of
from jobstream.plan.exchange import Exchange
from jobstream.plan.notes import Json
from jobstream.plan.retrieval import Fetch
from jobstream.ports import Incoming, Ports
from jobstream.template.language import Scope

FETCH = Send("fetch")


class Failed(Exception):
    """It did not give the bytes. result: what `conclude` is told."""

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


class Opened(NamedTuple):
    """An answer whose body is not read."""

    got: Incoming
    signed: Signed
    began: float


class Opener:
    """Asks for the bytes of one stream's targets."""

    def __init__(self, fetch: Fetch, tools: Tools, caller: Caller, ports: Ports) -> None:
        self._fetch, self._tools, self._caller, self._ports = fetch, tools, caller, ports

    @property
    def exchange(self) -> Exchange:
        assert self._fetch.exchange is not None
        return self._fetch.exchange

    @property
    def looks_inside(self) -> bool:
        """A rule reads the body: it must be there before it can be judged."""
        every = (*self._tools.default_rules, *(r for rules in self.exchange.rules for r in rules))
        return any(r.when.contains or r.when.holds for r in every)

    def names(self, job: Job, i: int, token: Json = None) -> Scope:
        return scope_of(job, self._tools, **_target(job, i, token))

    async def open(self, job: Job, i: int, token: Json = None, headers: Mapping[str, str] = {}) -> Opened:
        """headers: laid over those of the plan. Raises Failed."""
        ready = await self._caller.ready(job, FETCH, self.exchange, headers, **_target(job, i, token))
        if isinstance(ready, Lost | Broken):
            raise Failed(ready)
        began = self._ports.clock.now()
        got = await self._caller.fetch(self.exchange, ready.wire)
        if isinstance(got, Lost):
            self._caller.trace(job, FETCH, self.exchange, ready.wire, got, began)
            raise Failed(got)
        return Opened(got, ready, began)

    def trace(self, job: Job, opened: Opened, result: Result) -> str:
        wire = opened.signed.wire
        return self._caller.trace(job, FETCH, self.exchange, wire, result, opened.began, code=opened.got.code)

    def judged(self, job: Job, i: int, opened: Opened, body: bytes, token: Json = None, code: int | None = None) -> bool:
        """False: there is nothing here, and that is right. Raises Failed.

        body: as far as the rules look inside · code: that of the whole, where the answer is only the rest of it"""
        answer = answer_of(opened.got, body)
        result = Answered(answer if code is None else Answer(code, answer.headers, answer.body, answer.url, via=answer.via))
        if self.trace(job, opened, result) == "sign":
            self._caller.tokens.spoil(self.exchange.request.auth, opened.signed.held)
        try:
            verdict = judge(self.exchange, result, self.names(job, i, token), self._tools).verdict
        except RuleFault as e:
            raise Failed(Broken(Fault(code="template.failed", say=e.why, at=f"/retrieval/fetch/exchange{e.at}"))) from e
        if verdict not in ("accept", "completed", "skipped"):
            raise Failed(result)
        media = self._fetch.expect.media
        if verdict != "skipped" and media and answer.headers.get("content-type", "").split(";")[0] not in media:
            raise Failed(Broken(Fault(code="data.media", seen=answer.headers.get("content-type", "nothing"))))
        return verdict != "skipped"


def _target(job: Job, i: int, token: Json) -> dict[str, Json]:
    t = job.targets[i]
    return {"target": {"value": t.value, "key": t.key, "tag": t.tag}, "page": page_names(token)}
