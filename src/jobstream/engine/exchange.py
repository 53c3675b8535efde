"""One request, one answer. No retry and no sleep here: those are events of the job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec

from jobstream.engine.trace import shown
from jobstream.jobs.command import Send
from jobstream.jobs.event import Answer, Fault, Step, Stored
from jobstream.jobs.job import Job
from jobstream.kinds import Authenticator, Held, Page, Paginator, Wire
from jobstream.meaning.case import pointer_of
from jobstream.meaning.judge import RuleFault, judge
from jobstream.meaning.read import Answered, Broken, Lost, Result, Tools, scope_of, through
from jobstream.meaning.status import has_rows
from jobstream.plan.exchange import Body, Exchange, Name, Request
from jobstream.plan.notes import Json
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import StreamPlan
from jobstream.ports import Incoming, NoAnswer, NotSent, Ports
from jobstream.records.trace import Trace
from jobstream.redact import Redactor
from jobstream.template.language import Language, Scope, TemplateFault, spell


class RenderFault(Exception):
    def __init__(self, at: str, why: str) -> None:
        super().__init__(why)
        self.at, self.why = at, why


def render(request: Request, scope: Scope, language: Language) -> Wire:
    """Pure. Raises RenderFault with the pointer of the template that failed."""

    def value(at: str, v: Json) -> Json:
        try:
            match v:
                case Name():
                    return scope.look(v.name)
                case {"is": "name", "name": str() as name}:
                    return scope.look(name)
                case str():
                    return language.value(v, scope)
                case dict():
                    return {k: value(f"{at}/{k}", x) for k, x in v.items()}
                case list():
                    return [value(f"{at}/{i}", x) for i, x in enumerate(v)]
                case _:
                    return v
        except TemplateFault as e:
            raise RenderFault(at, str(e)) from e

    def kept(at: str, fields: Mapping[str, str | Name]) -> dict[str, str]:
        got = {k: value(f"{at}/{k}", v) for k, v in fields.items()}
        return {k: spell(v) for k, v in got.items() if not (request.drop_empty and v in (None, ""))}

    try:
        url = language.text(request.url, scope, url=True)
    except TemplateFault as e:
        raise RenderFault("/request/url", str(e)) from e
    query, headers = kept("/request/query", request.query), kept("/request/headers", request.headers)
    if query:
        url += ("&" if "?" in url else "?") + urlencode(query)
    body = b""
    if request.body is not None:
        media, body = _encoded(request.body, value("/request/body/value", request.body.value))
        headers.setdefault("Content-Type", media)
    return Wire(request.method, url, headers, body)


def _encoded(body: Body, value: Json) -> tuple[str, bytes]:
    match body.form:
        case "json":
            return "application/json", msgspec.json.encode(value)
        case "form":
            return "application/x-www-form-urlencoded", urlencode({k: spell(v) for k, v in value.items()}).encode()
        case "text":
            return "text/plain", spell(value).encode()
        case "multipart":
            raise NotImplementedError("multipart bodies are the product's")


class Tokens:
    """Named credentials of a source: one acquire at a time for a name, however many wait.

    keep  seals and stores what is held before it is used: a rotating refresh token must survive a crash"""

    def __init__(self, auths: Mapping[str, Authenticator], tools: Tools, ports: Ports, *,
                 keep: Callable[[str, Held], None] = lambda name, held: None) -> None:  # fmt: skip
        self._auths, self._tools, self._ports, self._keep = auths, tools, ports, keep
        self._held: dict[str, Held] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, name: str) -> tuple[Authenticator, Held | None]:
        """Raises NotSent or NoAnswer where a token cannot be had now."""
        auth = self._auths[name]
        async with self._locks.setdefault(name, asyncio.Lock()):
            talk = auth.acquire(self._held.get(name), self.names, self._ports.clock.now())
            if talk is not None:
                try:
                    wire = next(talk)
                    while True:
                        wire = talk.send(await self._answer(wire))
                except StopIteration as done:
                    self._held[name] = done.value
                    self._keep(name, done.value)
            return auth, self._held.get(name)

    def spoil(self, name: str, held: Held | None) -> None:
        """A 401 came with `held`. Somebody else may have a newer one already."""
        if held is not None and self._held.get(name) == held:
            self._held[name] = msgspec.structs.replace(held, until=0.0)

    @property
    def names(self) -> Scope:
        config = self._tools.config
        return Scope({"config": lambda: config})

    async def _answer(self, wire: Wire) -> Answer:
        got = await self._ports.transport.send(wire, timeout=60.0, follow=False, budget="")
        answer = Answer(got.code, got.headers, b"".join([c async for c in got.chunks()]), got.url)
        if answer.code >= 400:
            raise NotSent(f"no token: {answer.code}")
        return answer


class Signed(NamedTuple):
    """held: the token it was signed with, to say which one a 401 is about."""

    wire: Wire
    held: Held | None = None


class Caller:
    """Everything that talks for one stream."""

    def __init__(self, source: SourcePlan, stream: StreamPlan, tools: Tools, tokens: Tokens, ports: Ports,
                 redactor: Redactor, pages: Paginator | None = None) -> None:  # fmt: skip
        self._source, self._stream, self._plan, self._tools = source, stream, stream.retrieval, tools
        self.tokens, self._ports, self._redactor = tokens, ports, redactor
        self._pages = pages  # of `locate`

    def names(self, job: Job, step: Step, more: Mapping[str, Json]) -> Scope:
        page = {}
        if step == "locate":
            token = job.page if job.page is not None or self._pages is None else self._pages.first()
            page = {"page": page_names(token)}
        return scope_of(job, self._tools, **{**page, **more})

    async def ready(self, job: Job, cmd: Send, ex: Exchange, **more: Json) -> Signed | Lost | Broken:
        """Rendered and signed: everything that can fail without asking the API. Before the intent of a create."""
        at = pointer_of(self._plan, cmd.step, cmd.n)
        try:
            wire = render(ex.request, self.names(job, cmd.step, more), self._tools.language)
        except RenderFault as e:
            return Broken(Fault(code="template.failed", say=e.why, at=at + e.at))
        if not ex.request.auth:
            return Signed(wire)
        host = urlsplit(wire.url).hostname or ""
        if self._source.hosts and host not in self._source.hosts:
            return Broken(Fault(code="host.not_named", seen=host, at=at + "/request/url"))
        try:
            auth, held = await self.tokens.get(ex.request.auth)
        except (NotSent, NoAnswer) as e:
            return Lost(sent=False, why=str(e))
        except TemplateFault as e:
            return Broken(Fault(code="template.failed", say=str(e), at=f"/auth/{ex.request.auth}"))
        return Signed(auth.sign(wire, held, self.tokens.names), held)

    async def send(self, job: Job, cmd: Send, ex: Exchange, signed: Signed) -> Result:
        """A small answer, read. Rows that are in it go to the spool first."""
        wire = signed.wire
        began = self._ports.clock.now()
        try:
            got = await self._open(ex, wire)
            body, rest = await peek(got, ex.reading.most)
            answer = Answer(got.code, got.headers, body, got.url)
            told = got.headers.get("content-length", "")
            if rest is None and told.isdigit() and int(told) != len(body) and wire.method != "HEAD":
                raise NoAnswer(f"{len(body)} of {told} bytes")
            if rest is not None:
                return Broken(Fault(code="answer.too_long", seen=f"more than {ex.reading.most} bytes"))
            stored = await self._spooled(job, cmd, answer)
            page = None if cmd.step != "locate" or self._pages is None else self._next(job, answer)
            result: Result = Answered(through(ex.reading, answer), stored, page)
        except NotSent as e:
            result = Lost(sent=False, why=str(e))
        except NoAnswer as e:
            result = Lost(sent=True, why=str(e))
        if self.trace(job, cmd, ex, wire, result, began) == "sign":
            self.tokens.spoil(ex.request.auth, signed.held)
        return result

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

    async def _spooled(self, job: Job, cmd: Send, answer: Answer) -> Stored | None:
        try:
            if not has_rows(self._plan, job, cmd.step, answer, self._tools):
                return None
        except (RuleFault, TemplateFault):
            return None  # conclude meets it again, and says where

        async def chunks() -> AsyncIterator[bytes]:
            yield answer.body

        name = f"{job.id}/{job.attempt}/answer-{job.seq}"
        length, digest = await self._ports.spool.write(name, chunks())
        return Stored(0, name, (length,), digest)

    def _next(self, job: Job, answer: Answer) -> Json:
        assert self._pages is not None
        token = job.page if job.page is not None else self._pages.first()
        return self._pages.next(Page(answer, 0, None, token), scope_of(job, self._tools, page=page_names(token)))

    def trace(self, job: Job, cmd: Send, ex: Exchange, wire: Wire, result: Result, began: float) -> str:
        try:
            judged = judge(ex, result, scope_of(job, self._tools), self._tools)
            verdict, rule = judged.verdict, judged.at
        except RuleFault as e:
            verdict, rule = "stop", e.at
        answer = result.answer if isinstance(result, Answered) else Answer(code=0)
        url, headers, body = shown(self._redactor, wire, secret_url=cmd.step == "fetch" and not ex.request.auth)
        n = job.polls + 1 if cmd.step == "poll" else cmd.n + 1
        self._ports.trace(Trace(
            stream=job.stream, job=job.id, attempt=job.attempt, step=cmd.step, n=n, at=began, took=self._ports.clock.now() - began,
            method=wire.method, url=url, headers=headers, body=body, code=answer.code or None, verdict=verdict, rule=rule,
            answer_headers=self._redactor.headers(answer.headers), answer_body=self._redactor.body(answer.body)))  # fmt: skip
        return verdict


def page_names(token: Json) -> Json:
    """wrapped: as Airbyte's templates have it."""
    return {"token": token, "wrapped": None if token is None else {"next_page_token": token}}


async def peek(got: Incoming, most: int) -> tuple[bytes, Incoming | None]:
    """The body, if it is at most `most` bytes; else b'' and the answer with all its chunks ahead of it again."""
    chunks: list[bytes] = []
    stream = got.chunks()
    async for chunk in stream:
        chunks.append(chunk)
        if sum(map(len, chunks)) > most:
            return b"", _Rest(got, chunks, stream)
    return b"".join(chunks), None


class _Rest:
    def __init__(self, got: Incoming, chunks: list[bytes], stream: AsyncIterator[bytes]) -> None:
        self.code, self.headers, self.url, self.via = got.code, got.headers, got.url, got.via
        self._got, self._first, self._stream = got, chunks, stream

    async def close(self) -> None:
        await self._got.close()

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in self._first:
            yield chunk
        async for chunk in self._stream:
            yield chunk
