"""A target's bytes into the spool, and out of it to the destination: one part at a time."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import BinaryIO, NamedTuple

from msgspec import Struct

from jobstream.engine.answers import answer_of, inflated, peek
from jobstream.engine.exchange import Caller, page_names
from jobstream.jobs.command import Send
from jobstream.jobs.event import Answer, Counts, Fault, Stored
from jobstream.jobs.job import Job
from jobstream.kinds import Cursor, Decoder, Page, Paginator
from jobstream.meaning.judge import RuleFault, judge
from jobstream.meaning.parts import next_part
from jobstream.meaning.read import Answered, Broken, Lost, Result, Tools, pick, scope_of, value_of
from jobstream.plan.exchange import Exchange
from jobstream.plan.notes import Json
from jobstream.plan.stream import StreamPlan
from jobstream.ports import Incoming, NoAnswer, Ports
from jobstream.records.batch import Batch, Origin, PartKey, Transform
from jobstream.records.counts import DataFault, Tally
from jobstream.records.flow import flow, select
from jobstream.records.inflate import unpacked
from jobstream.template.language import Scope, TemplateFault

FETCH = Send("fetch")


class Part(NamedTuple):
    stored: Stored
    next: Json


class Delivered(NamedTuple):
    receipt: str
    counts: Counts
    seen: Json


class _Walk(Struct):
    """A walk over the pages of one part."""

    token: Json
    lengths: list[int] = []


class _Failed(Exception):
    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


class Carrier:
    """Built components of one stream, and the ways of its bytes."""

    def __init__(self, stream: StreamPlan, tools: Tools, caller: Caller, ports: Ports, *, decoder: Decoder,
                 transforms: tuple[Transform, ...] = (), pages: Paginator | None = None, cursor: Cursor | None = None,
                 ) -> None:  # fmt: skip
        self._stream, self._fetch, self._tools, self._caller, self._ports = stream, stream.retrieval.fetch, tools, caller, ports
        self._decoder, self._transforms, self._pages, self._cursor = decoder, transforms, pages, cursor

    def names(self, job: Job, i: int, token: Json = None) -> Scope:
        t = job.targets[i]
        return scope_of(job, self._tools, target={"value": t.value, "key": t.key, "tag": t.tag}, page=page_names(token))

    # -- into the spool

    async def store(self, job: Job, i: int) -> Part | Result:
        """The next part of a target: one body, or consecutive pages up to part_bytes. Or why not."""
        t, part = job.targets[i], next_part(job, i)
        if self._fetch.exchange is None:
            return Broken(Fault(code="data.lost", seen="rows that were in an answer"))
        await self._ports.spool.room()
        first = t.next if t.next is not None or self._pages is None else self._pages.first()
        walk = _Walk(first)
        name = f"{job.id}/{job.attempt}/{i}/{part}"
        try:
            async with aclosing(self._bytes(job, i, self._fetch.exchange, walk)) as chunks:
                _, digest = await self._ports.spool.write(name, chunks)
        except _Failed as e:
            return e.result
        return Part(Stored(part, name, tuple(walk.lengths), digest, t.next), walk.token)

    async def _bytes(self, job: Job, i: int, ex: Exchange, walk: _Walk) -> AsyncGenerator[bytes]:
        while True:
            n = 0
            async with aclosing(self._page(job, i, ex, walk)) as page:
                async for chunk in page:
                    n += len(chunk)
                    yield chunk
            walk.lengths.append(n)
            if walk.token is None or sum(walk.lengths) >= self._fetch.part_bytes:
                return

    async def _page(self, job: Job, i: int, ex: Exchange, walk: _Walk) -> AsyncGenerator[bytes]:
        got = await self._opened(job, i, ex, walk.token)
        try:
            async with aclosing(self._body(job, i, ex, walk, got)) as body:
                async for chunk in body:
                    yield chunk
        except NoAnswer as e:
            raise _Failed(Lost(sent=True, why=str(e))) from e
        finally:
            await got.close()

    async def _body(self, job: Job, i: int, ex: Exchange, walk: _Walk, got: Incoming) -> AsyncGenerator[bytes]:
        body, rest = await peek(got, ex.reading.most)
        answer = answer_of(got, inflated(body, ex.reading.most))
        empty = self._judged(job, i, ex, answer, walk.token) == "skipped"
        if rest is None:
            walk.token = None if empty else self._next(job, i, answer, walk.token)
            if not empty:
                yield _whole(answer, body)
            return
        if self._pages is not None and self._pages.sees != "headers":
            raise _Failed(Broken(Fault(code="page.too_long", seen=f"more than {ex.reading.most} bytes")))
        n = 0
        async for chunk in rest.chunks():
            n += len(chunk)
            yield chunk
        _check_length(answer, n)
        walk.token = self._next(job, i, answer, walk.token)

    async def _opened(self, job: Job, i: int, ex: Exchange, token: Json) -> Incoming:
        t = job.targets[i]
        names = {"target": {"value": t.value, "key": t.key, "tag": t.tag}, "page": page_names(token)}
        ready = await self._caller.ready(job, FETCH, ex, **names)
        if isinstance(ready, Lost | Broken):
            raise _Failed(ready)
        began = self._ports.clock.now()
        got = await self._caller.fetch(ex, ready.wire)
        result: Result = got if isinstance(got, Lost) else Answered(answer_of(got))
        self._caller.trace(job, FETCH, ex, ready.wire, result, began)
        if isinstance(got, Lost):
            raise _Failed(got)
        return got

    def _judged(self, job: Job, i: int, ex: Exchange, answer: Answer, token: Json) -> str:
        try:
            verdict = judge(ex, Answered(answer), self.names(job, i, token), self._tools).verdict
        except RuleFault as e:
            raise _Failed(Broken(Fault(code="template.failed", say=e.why, at=f"/retrieval/fetch/exchange{e.at}"))) from e
        if verdict not in ("accept", "completed", "skipped"):
            raise _Failed(Answered(answer))
        media = self._fetch.expect.media
        if verdict != "skipped" and media and answer.headers.get("content-type", "").split(";")[0] not in media:
            raise _Failed(Broken(Fault(code="data.media", seen=answer.headers.get("content-type", "nothing"))))
        return verdict

    def _next(self, job: Job, i: int, answer: Answer, token: Json) -> Json:
        if self._pages is None:
            return None
        n, last = 0, None
        if self._pages.sees == "records":
            rows = [r for b in self._documents(_reader(answer.body), Tally(), self.names(job, i)) for r in b.rows()]
            n, last = len(rows), rows[-1] if rows else None
        try:
            after = self._pages.next(Page(answer, n, last, token), self.names(job, i, token))
        except TemplateFault as e:
            raise _Failed(Broken(Fault(code="template.failed", say=str(e), at="/retrieval/fetch/pages"))) from e
        if after is not None and after == token:
            raise _Failed(Broken(Fault(code="page.loop", seen=str(after), at="/retrieval/fetch/pages")))
        return after

    # -- out of the spool

    def deliver(self, job: Job, i: int, part: Stored, epoch: int) -> Delivered | Broken:
        """In a worker thread; the destination pulls. The same bytes and the same plan give the same records."""
        t, tally = job.targets[i], Tally()
        key = PartKey(job.stream, job.id, job.attempt, i, part.part)
        origin = Origin(key, t.tag, t.value, job.slice)
        seen = [t.seen]

        def observe(batch: Batch) -> None:
            if self._cursor is not None:
                seen[0] = self._cursor.see(seen[0], batch)

        names = self.names(job, i)
        try:
            documents = self._checked(
                job, i, part, self._documents(self._ports.spool.open(part.name), tally, names, part), tally
            )
            batches = flow(documents, self._transforms, tally, origin, observe)
            receipt = f"report {sum(map(len, batches))}" if t.report else self._ports.destination.write(key, epoch, batches)
        except DataFault as e:
            return Broken(Fault(code=e.code, seen=e.seen, at=e.at))
        except TemplateFault as e:
            return Broken(Fault(code="template.failed", say=str(e), at="/records"))
        return Delivered(receipt, tally.frozen(), seen[0])

    def _documents(self, source: BinaryIO, tally: Tally, names: Scope, part: Stored | None = None) -> Iterator[Batch]:
        """Each page is decoded by itself: a CSV page brings its header along."""
        read = self._stream.records.select
        for page in [source] if part is None or len(part.lengths) < 2 else _cut(source, part.lengths):
            for plain in unpacked(page):
                for batch in self._decoder.decode(plain, tally, names):
                    yield batch if not read.path else Batch(select(batch.rows(), read, pick))

    def _checked(self, job: Job, i: int, part: Stored, batches: Iterator[Batch], tally: Tally) -> Iterator[Batch]:
        """What the API promised. Raised before the destination may believe it has the whole part."""
        yield from batches
        promise, t = self._fetch.expect.records, job.targets[i]
        if promise is None or not t.complete or t.delivered or len(t.stored) > 1:
            return
        told = value_of(promise, Answer(code=0), self.names(job, i), self._tools)
        if told is not None and int(told) != tally.read:
            raise DataFault("data.count", f"{tally.read} records, {told} were promised", "/retrieval/fetch/expect/records")


def _whole(answer: Answer, body: bytes) -> bytes:
    _check_length(answer, len(body))
    return body


def _check_length(answer: Answer, n: int) -> None:
    told = answer.headers.get("content-length", "")
    if told.isdigit() and int(told) != n:
        raise _Failed(Lost(sent=True, why=f"{n} of {told} bytes"))


def _cut(source: BinaryIO, lengths: tuple[int, ...]) -> Iterator[BinaryIO]:
    for n in lengths:
        yield _reader(source.read(n))


def _reader(body: bytes) -> BinaryIO:
    return io.BytesIO(body)
