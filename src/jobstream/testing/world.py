"""The real Shard, the real SQLite ledger, and a world that dies on order. kill -9: after it, nothing of that process runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

from msgspec import Struct

from jobstream.components.decoders.jsonl import Jsonl
from jobstream.components.pagination.header import HeaderPages
from jobstream.engine.answers import recalls
from jobstream.engine.bring import Carrier
from jobstream.engine.exchange import Caller
from jobstream.engine.hands import Hands
from jobstream.engine.shard import EVER, Shard
from jobstream.engine.stream import StreamRun
from jobstream.engine.tokens import Tokens
from jobstream.jobs.event import AnyEvent, Planned, Slice
from jobstream.jobs.job import Job
from jobstream.kinds import Destination, Wire
from jobstream.ledger.seal import Seal
from jobstream.ledger.sqlite import SqliteLedger
from jobstream.meaning.case import job_key, plan_job
from jobstream.meaning.read import Tools
from jobstream.plan.component import Component
from jobstream.plan.exchange import RETRY_AFTER, Body, Exchange, Name, Paged, Read, Request, Rule, Wait, When
from jobstream.plan.retrieval import Count, Doubt, Each, Fetch, Policy, Poll, Retrieval, StatusMap
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import Records, StreamPlan
from jobstream.ports import Asked, Checkpoint, Entry, Epoch, Fenced, Ports, Position
from jobstream.records.trace import Trace
from jobstream.redact import Redactor
from jobstream.template.handlebars import Handlebars
from jobstream.testing.clock import VirtualClock, inline
from jobstream.testing.destinations import Keyed, Pipe
from jobstream.testing.fake_api import FakeApi, Reply
from jobstream.testing.spool import MemorySpool


class Killed(BaseException):
    """kill -9."""


class Process:
    """One process: it lives until its n-th effect. Effects are commits (before, after), requests (before, after), writes,
    lines, states, spooled bytes. None: it is not killed."""

    def __init__(self, after: int | None, freeze: int | None = None) -> None:
        self.left = after
        self.dead = False
        self.effects = 0
        self._freeze, self._thaw = freeze, asyncio.Event()
        self.frozen = asyncio.Event()

    def thaw(self) -> None:
        self._thaw.set()

    async def rest(self) -> None:
        """A paused machine: at its n-th commit it stops, and goes on when everything has happened without it."""
        if self._freeze is not None:
            self._freeze -= 1
            if self._freeze < 0:
                self.frozen.set()
                await self._thaw.wait()

    def alive(self, point: str = "") -> None:
        self.effects += 1
        if self.dead:
            raise Killed(point)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.dead = True
                raise Killed(point)


class CrashingLedger:
    """The SQLite ledger as one process sees it."""

    def __init__(self, inner: SqliteLedger, process: Process) -> None:
        self._inner, self._process = inner, process

    async def claim(self, shard: str, owner: str) -> Epoch:
        return await self._inner.claim(shard, owner)

    def read(self, shard: str, run: str = "") -> AsyncIterator[Entry]:
        return self._inner.read(shard, run)

    async def append(self, shard: str, epoch: Epoch, entries: list[Entry], checkpoints: list[Checkpoint]) -> Position:
        self._process.alive("commit.before")
        done = await self._inner.append(shard, epoch, entries, checkpoints)
        self._process.alive("commit.after")
        await self._process.rest()
        return done

    async def checkpoints(self, shard: str) -> dict[str, Any]:
        return await self._inner.checkpoints(shard)

    async def requests(self, shard: str) -> list[Asked]:
        return await self._inner.requests(shard)

    async def settled(self, job: str) -> None:
        await self._inner.settled(job)


class _Line:
    """The API as one process sees it."""

    def __init__(self, api: FakeApi, process: Process, clock: VirtualClock) -> None:
        self._api, self._process, self._clock = api, process, clock

    async def send(self, wire: Wire, *, timeout: float, follow: bool, budget: str) -> Reply:
        self._process.alive("request.before")
        self._clock.stir()
        try:
            return await self._api.send(wire, timeout=timeout, follow=follow, budget=budget)
        finally:
            self._process.alive("request.after")


class Shape(Struct, frozen=True):
    """Which plan, and how the API behaves."""

    doubt: Doubt = "lookup"
    listing: Literal["each", "count"] = "each"
    reads_created: bool = False
    locate: bool = False
    delete: bool = False
    retries: int = 5
    deliver: Literal["parts", "whole"] = "parts"
    parallel: int = 2
    paged: bool = False
    attempts: int = 3
    synchronous: bool = False
    polls_only: bool = False


RULES = (
    Rule(then="accept", when=When(codes=("200-299",))),
    Rule(then="throttled", when=When(codes=("429",)), waits=(RETRY_AFTER, Wait(first=1.0, factor=2.0))),
    Rule(then="retry", when=When(codes=("unsent", "lost", "500"))),
)
DOUBT = Rule(then="doubt", when=When(codes=("500", "lost")))
BUSY = Rule(then="busy", when=When(codes=("409",)))
STALE = Rule(then="relist", when=When(codes=("403",)))
HOST = "https://api.test"


def ask(url: str, *rules: Rule, method: str = "GET", retries: int = 5, **request: Any) -> Exchange:
    return Exchange(request=Request(url=url, method=method, **request), rules=(rules,), retries=retries)


def stream(shape: Shape) -> StreamPlan:
    found = Rule(then="adopt", when=When(codes=("200",)), value=Read(("id",)))
    none = Rule(then="accept", when=When(codes=("404",)))
    body = Body(form="json", value={"key": Name("job.key"), "slice": "{{slice.flat.i}}"})
    url = HOST + "/jobs/{{job.id}}"
    poll = Poll(exchange=ask(url), first=1.0, waits=(RETRY_AFTER, Wait(first=30.0, factor=1.5, most=60.0)),
                status=StatusMap(value=Read(("status",)), map={"pending": "running", "ready": "completed", "broken": "failed"}))  # fmt: skip
    file = "{{{target.value.url}}}" if shape.listing == "each" else url + "/files/{{target.value}}"
    fetch = ask(file, STALE, retries=shape.retries, query={"page": Name("page.token")})
    listing = Each(read=Read(("urls",)), key=Read(("part",)), none="done") if shape.listing == "each" else Count(n=Read(("n",)))
    pages = Component("paginator", "header", {"name": "x-next"}) if shape.paged else None
    if shape.synchronous:
        page = ask(HOST + "/pages/{{slice.flat.i}}", query={"page": Name("page.token")})
        return StreamPlan(name="s", records=Records(decoder=Component("decoder", "jsonl")),
                          retrieval=Retrieval(fetch=Fetch(exchange=page, pages=pages, part_bytes=60)))  # fmt: skip
    return StreamPlan(name="s", records=Records(decoder=Component("decoder", "jsonl")), retrieval=Retrieval(
        create=ask(HOST + "/jobs", DOUBT, BUSY, method="POST", body=body), reads_created=shape.reads_created, poll=poll,
        job_id=Read(("id",)), targets=(listing,), locate=Paged(exchange=ask(url)) if shape.locate else None,
        lookup=ask(HOST + "/jobs?key={{job.key}}", found, none) if shape.doubt == "lookup" else None,
        abort=(ask(url, method="DELETE"),), delete=(ask(url + "/clean", method="POST"),) if shape.delete else (),
        fetch=Fetch(exchange=fetch, pages=pages, part_bytes=60, parallel=shape.parallel, deliver=shape.deliver),
        policy=Policy(doubt=shape.doubt, attempts=shape.attempts, settle=5.0, busy_for=100.0)))  # fmt: skip


def no_trace(t: Trace) -> None:
    pass


class World:
    """What outlives a process: the API, the database, the spool, the destination, time."""

    def __init__(self, shape: Shape, api: FakeApi, destination: Keyed | Pipe, *, slots: dict[str, int] | None = None,
                 seal: Seal | None = None) -> None:  # fmt: skip
        self.seal = seal
        self._open: list[SqliteLedger] = []
        self.plan, self.api, self.clock = stream(shape), api, VirtualClock()
        self.source = SourcePlan(name="x", streams=(self.plan,), language="handlebars", default_rules=RULES)
        self.destination: Keyed | Pipe = destination
        self._dir = tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.path = os.path.join(self._dir.name, "ledger.db")
        self.files: dict[str, bytes] = {}
        self.unfinished: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.slots = slots or {}
        self.traces: list[Trace] = []
        self.cut: Callable[[Slice], tuple[Slice, ...]] = lambda piece: ()
        self.watch: Callable[[Job, AnyEvent], None] = lambda job, event: None
        api.now = self.clock.now

    def shard(self, process: Process, destination: Destination | None = None) -> Shard:
        """A process that opens the same world."""
        spool = MemorySpool(process.alive)
        spool.files, spool.unfinished = self.files, self.unfinished
        there: Destination = destination or self.destination
        kept = SqliteLedger(self.path, inline, self.seal)
        self._open.append(kept)
        ledger = CrashingLedger(kept, process)
        ports = Ports(self.clock, _Line(self.api, process, self.clock), ledger, spool, there, self.traces.append, inline)
        tools = Tools(language=Handlebars(), default_rules=RULES, retracts=there.retracts, lends=there.receipts == "lent",
                      recall=recalls(spool), cut=self.cut)  # fmt: skip
        caller = Caller(self.source, self.plan, tools, Tokens({}, tools, ports), ports, Redactor())
        pages = self.plan.retrieval.fetch.pages
        carrier = Carrier(self.plan, tools, caller, ports, decoder=Jsonl(),
                          pages=HeaderPages(**pages.options) if pages else None)  # fmt: skip
        run = StreamRun("x", self.plan, None, None, "", self.clock.now)
        hands = Hands(self.plan, tools, caller, carrier, pieces=run.pieces)
        return Shard("s0", {"s": hands}, ports, slots=self.slots, heeds=EVER, watch=self.watch)

    def births(self, n: int, run: str = "") -> list[tuple[str, Planned]]:
        return [self.born(f"j{i}{run}", Slice(partition={"i": str(i)})) for i in range(n)]

    def born(self, name: str, piece: Slice) -> tuple[str, Planned]:
        return name, plan_job(self.plan.retrieval, "s", piece, job_key("x", "s", "", piece), self.clock.now())

    async def run(self, n: int, after: int | None, *, cancel_at: float | None = None) -> dict[str, Job] | None:
        """One process: to its end, or None if it was killed."""
        return await self.run_as(Process(after), n, cancel_at=cancel_at)

    async def run_as(self, process: Process, n: int, *, cancel_at: float | None = None) -> dict[str, Job] | None:
        shard = self.shard(process)
        try:
            async with asyncio.TaskGroup() as group:
                if cancel_at is not None:
                    group.create_task(self._cancel(shard, cancel_at))
                given = self.destination.given if isinstance(self.destination, Pipe) else None
                await shard.run(self.births(n), given)
            return shard.jobs
        except BaseExceptionGroup as e:
            if e.subgroup(Killed) is None:
                raise
            return None
        except Killed:
            return None

    async def _cancel(self, shard: Shard, at: float) -> None:
        for _ in range(2000):
            if self.clock.now() >= at:
                break
            await asyncio.sleep(0)
        if shard.epoch and shard.jobs and shard.serves:
            with contextlib.suppress(Fenced):
                await shard.cancel([i for i, j in shard.jobs.items() if not j.over], "user")

    def close(self) -> None:
        for ledger in self._open:
            ledger.close()
        self._dir.cleanup()


def has(group: BaseException, kind: type[BaseException]) -> bool:
    return isinstance(group, kind) or any(has(e, kind) for e in getattr(group, "exceptions", ()))


Behave = Callable[[], FakeApi]
