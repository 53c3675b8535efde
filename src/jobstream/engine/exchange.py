"""One request, one answer. No retry and no sleep here: those are events of the job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from msgspec import structs

from jobstream.engine.answers import Reader, answer_of, coding_of, once, peek, said, whole
from jobstream.engine.render import RenderFault, render, sendable
from jobstream.engine.tokens import Tokens
from jobstream.engine.trace import shown
from jobstream.errors import DocumentError
from jobstream.jobs.command import Send
from jobstream.jobs.event import Answer, Fault, Step, Stored
from jobstream.jobs.job import Job
from jobstream.kinds import Held, Page, Paginator, Refused, Wire
from jobstream.meaning.case import pointer_of
from jobstream.meaning.judge import RuleFault, judge
from jobstream.meaning.read import Answered, Broken, Lost, Result, Tools, scope_of, through
from jobstream.meaning.status import INLINE, has_rows, is_kept
from jobstream.plan.exchange import Exchange, Request
from jobstream.plan.notes import Json
from jobstream.plan.retrieval import Retrieval
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import StreamPlan
from jobstream.ports import Incoming, NoAnswer, NotSent, Ports
from jobstream.records.trace import Trace, unwatched
from jobstream.redact import Redactor
from jobstream.template.language import Scope, TemplateFault


class Signed(NamedTuple):
    """held: the token it was signed with, to say which one a 401 is about."""

    wire: Wire
    held: Held | None = None


class Caller:
    """Everything that talks for one stream."""

    def __init__(self, source: SourcePlan, stream: StreamPlan, tools: Tools, tokens: Tokens, ports: Ports,
                 redactor: Redactor, pages: Paginator | None = None, reader: Reader | None = None) -> None:  # fmt: skip
        self._stream, self._plan, self._tools, self._reader = stream, stream.retrieval, tools, reader or Reader()
        self.tokens, self._ports, self._redactor = tokens, ports, redactor
        self._pages = pages  # of `locate`
        self._hosts = hosts_of(source, tools)

    def names(self, job: Job, step: Step, more: Mapping[str, Json]) -> Scope:
        page = {}
        if step == "locate":
            token = job.page if job.page is not None or self._pages is None else self._pages.first()
            page = {"page": page_names(token)}
        return scope_of(job, self._tools, **{**page, **more})

    async def ready(self, job: Job, cmd: Send, ex: Exchange, headers: Mapping[str, str] = {}, **more: Json,
                    ) -> Signed | Lost | Broken:  # fmt: skip
        """Rendered, let through by its budget and signed: everything that can fail or wait without asking the API. Before the
        intent of a create. headers: laid over those of the plan."""
        at = pointer_of(self._plan, cmd.step, cmd.n)
        try:
            wire = render(ex.request, self.names(job, cmd.step, more), self._tools.language)
        except RenderFault as e:
            return Broken(Fault(code="template.failed", say=e.why, at=at + e.at))
        wire = structs.replace(wire, headers={**wire.headers, **headers}) if headers else wire
        try:
            sendable(wire)
        except RenderFault as e:
            return Broken(Fault(code="request.unsendable", seen=self.redacted(e.why), at=at + e.at))
        fault = self._fence(ex.request, wire, at)
        if fault is not None:
            return Broken(fault)
        began = self._ports.clock.now()
        await self._ports.budgets.take(ex.request.budget)
        self._ports.spent(self._stream.name, "budget", self._ports.clock.now() - began)
        if not ex.request.auth:
            return Signed(wire)
        try:
            auth, held = await self.tokens.get(ex.request.auth)
        except (NotSent, NoAnswer) as e:
            return Lost(sent=False, why=str(e))
        except Refused as e:
            return Broken(Fault(code="auth.refused", say=str(e), at=f"/auth/{ex.request.auth}"))
        except TemplateFault as e:
            return Broken(Fault(code="template.failed", say=str(e), at=f"/auth/{ex.request.auth}"))
        signed = auth.sign(wire, held, self.tokens.names)
        added = tuple(k for k, v in signed.headers.items() if wire.headers.get(k) != v)
        return Signed(structs.replace(signed, credentials=added), held)

    def _fence(self, request: Request, wire: Wire, at: str) -> Fault | None:
        """Credentials go to the hosts that the plan names, or where the person asked for it."""
        if not request.auth or request.anywhere or not self._hosts:
            return None
        host = (urlsplit(wire.url).hostname or "").lower()
        if host in self._hosts:
            return None
        return Fault(code="host.not_named", seen=host, at=at + "/request/url")

    async def send(self, job: Job, cmd: Send, ex: Exchange, signed: Signed) -> Result:
        """A small answer, read. Rows that are in it go to the spool first."""
        wire = signed.wire
        began = self._ports.clock.now()
        try:
            got = await self._open(ex, wire)
            try:
                result = await self._read(job, cmd, ex, wire, got)
            finally:
                await got.close()
        except NotSent as e:
            result = Lost(sent=False, why=str(e))
        except NoAnswer as e:
            result = Lost(sent=True, why=str(e))
        self._ports.spent(self._stream.name, "network", self._ports.clock.now() - began)
        if self.trace(job, cmd, ex, wire, result, began) == "sign":
            self.tokens.spoil(ex.request.auth, signed.held)
        return result

    async def _read(self, job: Job, cmd: Send, ex: Exchange, wire: Wire, got: Incoming) -> Result:
        body, rest = await peek(got, ex.reading.longest)
        if rest is not None:
            return Broken(Fault(code="answer.too_long", seen=f"more than {ex.reading.longest} bytes"))
        whole(got, len(body), wire.method)
        names = scope_of(job, self._tools, answer={"headers": got.headers})
        small = self._reader.value(ex.reading, body, names, coding_of(got.headers))
        answer = structs.replace(answer_of(got, small), request=said(wire) if ex.reading.keep_request else None)
        answer = through(ex.reading, answer)
        stored = await self._rows(job, cmd, answer, body, coding_of(got.headers))
        page = None if cmd.step != "locate" or self._pages is None else self._next(job, answer)
        return Answered(await self._spooled(job, cmd, answer), stored, page)

    async def _open(self, ex: Exchange, wire: Wire) -> Incoming:
        r = ex.request
        return await self._ports.transport.send(wire, timeout=r.timeout, follow=r.redirects == "follow", budget=r.budget)

    async def fetch(self, ex: Exchange, wire: Wire) -> Incoming | Lost:
        try:
            return await self._open(ex, wire)
        except NotSent as e:
            return Lost(sent=False, why=str(e))
        except NoAnswer as e:
            return Lost(sent=True, why=str(e))

    async def _rows(self, job: Job, cmd: Send, answer: Answer, raw: bytes, coding: str) -> Stored | None:
        """raw: as it came; the rows in it are decoded from there."""
        if not self._is(has_rows, job, cmd, answer):
            return None
        name = f"{job.id}/{job.attempt}/rows-{job.seq}"
        length, digest = await self._ports.spool.write(name, once(raw))
        return Stored(0, name, (length,), digest, coding=coding, media=answer.headers.get("content-type", ""))

    async def _spooled(self, job: Job, cmd: Send, answer: Answer) -> Answer:
        """A long answer that later steps may see lies in the spool, so that the ledger and ten thousand jobs stay small."""
        if len(answer.body) <= INLINE or not self._is(is_kept, job, cmd, answer):
            return answer
        name = f"{job.id}/{job.attempt}/answer-{job.seq}"
        await self._ports.spool.write(name, once(answer.body))
        return structs.replace(answer, spooled=name)

    def _is(self, what: Callable[[Retrieval, Job, Step, Answer, Tools], bool], job: Job, cmd: Send, answer: Answer) -> bool:
        try:
            return what(self._plan, job, cmd.step, answer, self._tools)
        except (RuleFault, TemplateFault):
            return False  # conclude meets it again, and says where

    def _next(self, job: Job, answer: Answer) -> Json:
        assert self._pages is not None
        token = job.page if job.page is not None else self._pages.first()
        return self._pages.next(Page(answer, 0, None, token), scope_of(job, self._tools, page=page_names(token)))

    def redacted(self, text: str) -> str:
        return self._redactor.text(text)

    def trace(
        self, job: Job, cmd: Send, ex: Exchange, wire: Wire, result: Result, began: float, code: int | None = None
    ) -> str:
        """The verdict; empty where nobody needs it. code: that of the answer itself, where `result` is what it amounts to."""
        if self._ports.trace is unwatched and not ex.request.auth:
            return ""
        try:
            judged = judge(ex, result, scope_of(job, self._tools), self._tools)
            verdict, rule = judged.verdict, judged.at
        except RuleFault as e:
            verdict, rule = "stop", e.at
        if self._ports.trace is unwatched:
            return verdict
        answer = result.answer if isinstance(result, Answered) else Answer(code=0)
        secret = cmd.step == "fetch" and not ex.request.auth
        url, headers, body = shown(self._redactor, wire, secret_url=secret)
        n = job.polls + 1 if cmd.step == "poll" else cmd.n + 1
        self._ports.trace(Trace(
            stream=job.stream, job=job.id, attempt=job.attempt, step=cmd.step, n=n, at=began, took=self._ports.clock.now() - began,
            method=wire.method, url=url, headers=headers, body=body, code=code or answer.code or None, verdict=verdict, rule=rule,
            answer_headers=self._redactor.headers(answer.headers), answer_body=self._redactor.body(answer.body),
            via=self._redactor.url(answer.via, secret=secret) if answer.via else ""))  # fmt: skip
        return verdict


def page_names(token: Json) -> Json:
    """wrapped: as Airbyte's templates have it."""
    return {"token": token, "wrapped": None if token is None else {"next_page_token": token}}


def hosts_of(source: SourcePlan, tools: Tools) -> frozenset[str]:
    """The hosts that the plan names, for this config. Raises DocumentError."""
    names = Scope({"config": lambda: tools.config})
    out = set()
    for n, text in enumerate(source.hosts):
        try:
            host = tools.language.text(text, names)
        except TemplateFault as e:
            raise DocumentError(str(e), where=f"/hosts/{n}", hint="the config does not say which host it is") from e
        out.add((urlsplit(host).hostname or "") if "://" in host else host.lower())
    return frozenset(out - {""})
