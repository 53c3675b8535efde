"""A target's bytes into the spool, and out of it to the destination: one part at a time."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import BinaryIO, NamedTuple

from msgspec import Struct

from jobstream.engine.answers import answer_of, coding_of, inflated, peek, whole
from jobstream.engine.asking import Failed, Opened, Opener
from jobstream.engine.download import Download
from jobstream.engine.exchange import Caller
from jobstream.jobs.event import Answer, Counts, Fault, Stored
from jobstream.jobs.job import Job
from jobstream.kinds import Cursor, Decoder, Page, Paginator
from jobstream.meaning.looks import HEAD, Looks, looks_of, no_records
from jobstream.meaning.parts import next_part
from jobstream.meaning.read import Broken, Lost, Result, Tools, pick, value_of
from jobstream.plan.notes import Json
from jobstream.plan.stream import StreamPlan
from jobstream.ports import Clock, NoAnswer, Ports
from jobstream.records.batch import Batch, Origin, PartKey, Transform
from jobstream.records.counts import DataFault, Tally
from jobstream.records.flow import flow, select
from jobstream.records.inflate import unpacked
from jobstream.template.language import Scope, TemplateFault


class Part(NamedTuple):
    stored: Stored
    next: Json


class Delivered(NamedTuple):
    receipt: str
    counts: Counts
    seen: Json


class _Clocked(Iterator[Batch]):
    """Batches, and how long they took to come."""

    def __init__(self, batches: Iterator[Batch], clock: Clock) -> None:
        self._batches, self._clock, self.spent = batches, clock, 0.0

    def __next__(self) -> Batch:
        began = self._clock.now()
        try:
            return next(self._batches)
        finally:
            self.spent += self._clock.now() - began


class _Walk(Struct):
    """A walk over the pages of one part."""

    token: Json
    lengths: list[int] = []
    coding: str = ""
    media: str = ""
    head: bytes = b""


class Carrier:
    """Built components of one stream, and the ways of its bytes."""

    def __init__(self, stream: StreamPlan, tools: Tools, caller: Caller, ports: Ports, *, decoder: Decoder,
                 transforms: tuple[Transform, ...] = (), pages: Paginator | None = None, cursor: Cursor | None = None,
                 ) -> None:  # fmt: skip
        self._stream, self._fetch, self._tools, self._caller, self._ports = stream, stream.retrieval.fetch, tools, caller, ports
        self._decoder, self._transforms, self._pages, self._cursor = decoder, transforms, pages, cursor
        self._opener = Opener(self._fetch, tools, caller, ports)
        self._download = Download(self._opener, tools, ports, self._fetch.expect)
        looks = self._fetch.expect.looks
        self._looks: Looks = looks_of(stream.records.decoder) if looks == "auto" else looks

    def names(self, job: Job, i: int, token: Json = None) -> Scope:
        return self._opener.names(job, i, token)

    # -- into the spool

    async def store(self, job: Job, i: int) -> Part | Result:
        """The next part of a target: one body, or consecutive pages up to part_bytes. Or why not."""
        t, part = job.targets[i], next_part(job, i)
        if self._fetch.exchange is None:
            return Broken(Fault(code="data.lost", seen="rows that were in an answer"))
        await self._ports.spool.room()
        began = self._ports.clock.now()
        name = f"{job.id}/{job.attempt}/{i}/{part}"
        walk = _Walk(t.next if t.next is not None or self._pages is None else self._pages.first())
        try:
            if self._pages is None:
                length, digest, walk.coding, walk.media, head = await self._download.store(job, i, name)
                walk.lengths.append(length)
            else:
                async with aclosing(self._bytes(job, i, walk)) as chunks:
                    _, digest = await self._ports.spool.write(name, chunks)
                head = walk.head
            await self._records(job, name, head)
        except Failed as e:
            return e.result
        finally:
            self._ports.spent(job.stream, "download", self._ports.clock.now() - began)
        return Part(Stored(part, name, tuple(walk.lengths), digest, t.next, walk.coding, walk.media), walk.token)

    async def _records(self, job: Job, name: str, head: bytes | None) -> None:
        """A look at the first bytes: what cannot be records goes no further."""
        if head is None:
            with self._ports.spool.open(name) as source:
                head = source.read(HEAD)
        instead = no_records(self._looks, head, self._stream.retrieval, job, self._tools)
        if instead:
            await self._ports.spool.drop(name)
            fault = Fault(code="data.not_records", seen=self._caller.redacted(instead), at="/retrieval/fetch")
            raise Failed(Broken(fault))

    async def _bytes(self, job: Job, i: int, walk: _Walk) -> AsyncGenerator[bytes]:
        while True:
            n = 0
            async with aclosing(self._page(job, i, walk)) as page:
                async for chunk in page:
                    n += len(chunk)
                    walk.head += chunk[: HEAD - len(walk.head)]
                    yield chunk
            walk.lengths.append(n)
            if walk.token is None or sum(walk.lengths) >= self._fetch.part_bytes:
                return

    async def _page(self, job: Job, i: int, walk: _Walk) -> AsyncGenerator[bytes]:
        opened = await self._opener.open(job, i, walk.token)
        try:
            async with aclosing(self._body(job, i, walk, opened)) as body:
                async for chunk in body:
                    yield chunk
        except NoAnswer as e:
            raise Failed(Lost(sent=True, why=str(e))) from e
        finally:
            await opened.got.close()

    async def _body(self, job: Job, i: int, walk: _Walk, opened: Opened) -> AsyncGenerator[bytes]:
        got, most = opened.got, self._opener.exchange.reading.most
        body, rest = await peek(got, most)
        walk.coding, walk.media = coding_of(got.headers), got.headers.get("content-type", "")
        answer = answer_of(got, inflated(body, most, walk.coding))
        there = self._opener.judged(job, i, opened, answer.body, walk.token)
        if rest is None:
            whole(got, len(body), "GET")
            walk.token = self._next(job, i, answer, walk.token) if there else None
            if there:
                yield body
            return
        if self._pages is not None and self._pages.sees != "headers":
            raise Failed(Broken(Fault(code="page.too_long", seen=f"more than {most} bytes")))
        n = 0
        async for chunk in rest.chunks():
            n += len(chunk)
            yield chunk
        whole(got, n, "GET")
        walk.token = self._next(job, i, answer, walk.token)

    def _next(self, job: Job, i: int, answer: Answer, token: Json) -> Json:
        assert self._pages is not None
        n, last = 0, None
        if self._pages.sees == "records":
            names = self.names(job, i).plus(answer={"headers": answer.headers})
            rows = [r for b in self._documents(_reader(answer.body), Tally(), names) for r in b.rows()]
            n, last = len(rows), rows[-1] if rows else None
        try:
            after = self._pages.next(Page(answer, n, last, token), self.names(job, i, token))
        except TemplateFault as e:
            raise Failed(Broken(Fault(code="template.failed", say=str(e), at="/retrieval/fetch/pages"))) from e
        if after is not None and after == token:
            raise Failed(Broken(Fault(code="page.loop", seen=str(after), at="/retrieval/fetch/pages")))
        return after

    # -- out of the spool

    def deliver(self, job: Job, i: int, part: Stored, epoch: int) -> Delivered | Broken:
        """In a worker thread; the destination pulls. The same bytes and the same plan give the same records."""
        t, tally = job.targets[i], Tally()
        key = PartKey(job.stream, job.id, job.attempt, i, part.part)
        origin = Origin(key, t.tag, t.value, job.slice)
        seen = [t.seen]

        def observe(batch: Batch) -> None:
            assert self._cursor is not None
            seen[0] = self._cursor.see(seen[0], batch)

        names = self.names(job, i).plus(answer={"headers": {"content-type": part.media} if part.media else {}})
        try:
            with self._ports.spool.open(part.name) as source:
                documents = self._checked(job, i, part, self._documents(source, tally, names, part), tally)
                clock = _Clocked(
                    flow(documents, self._transforms, tally, origin, observe if self._cursor else None), self._ports.clock
                )
                began = self._ports.clock.now()
                receipt = f"report {sum(map(len, clock))}" if t.report else self._ports.destination.write(key, epoch, clock)
            self._ports.spent(job.stream, "decode", clock.spent)
            self._ports.spent(job.stream, "write", self._ports.clock.now() - began - clock.spent)
        except DataFault as e:
            return Broken(Fault(code=e.code, seen=e.seen, at=e.at))
        except TemplateFault as e:
            return Broken(Fault(code="template.failed", say=str(e), at="/records"))
        return Delivered(receipt, tally.frozen(), seen[0])

    def _documents(self, source: BinaryIO, tally: Tally, names: Scope, part: Stored | None = None) -> Iterator[Batch]:
        """Each page is decoded by itself: a CSV page brings its header along."""
        read = self._stream.records.select
        for page in [source] if part is None or len(part.lengths) < 2 else _cut(source, part.lengths):
            for plain in unpacked(page, coding=part.coding if part is not None else ""):
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


def _cut(source: BinaryIO, lengths: tuple[int, ...]) -> Iterator[BinaryIO]:
    for n in lengths:
        yield _reader(source.read(n))


def _reader(body: bytes) -> BinaryIO:
    return io.BytesIO(body)
