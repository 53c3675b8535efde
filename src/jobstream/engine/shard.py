"""THE INTERPRETER: obeys the machine. One pump and one heap for all waiting jobs of a shard; a task only while something is
being done; one scribe that commits for all. Knows ports and kinds, no dialect, no concrete component."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec import structs

from jobstream.engine.bring import Carrier
from jobstream.engine.exchange import Caller, Signed
from jobstream.engine.haul import Haul, Owner
from jobstream.engine.scribe import Scribe
from jobstream.engine.together import Batched
from jobstream.jobs.command import Bring, Quit, Relist, Retract, Send, decide, due, rests
from jobstream.jobs.event import AnyEvent, PartDelivered, Phase, Planned, Retried
from jobstream.jobs.job import Job, apply
from jobstream.jobs.table import HOLDS_SLOT, grade
from jobstream.meaning.case import Case, exchange_of, sent, too_old
from jobstream.meaning.conclude import conclude
from jobstream.meaning.ending import cancel, quit_job, retracted
from jobstream.meaning.listing import relist
from jobstream.meaning.parts import recalled, reread
from jobstream.meaning.read import Lost, Result, Tools
from jobstream.plan.exchange import Exchange
from jobstream.plan.notes import Json
from jobstream.plan.stream import StreamPlan
from jobstream.ports import Checkpoint, Entry, JobId, Ports, Position

_LATER: frozenset[Phase] = frozenset(("running", "locating", "fetching", "lent", "deleting"))  # where no_wait leaves a job


class Hands(NamedTuple):
    """What the shard needs done for one stream.

    closed  the stream's state when this job has ended · asked: see plan.wire.asked"""

    plan: StreamPlan
    tools: Tools
    caller: Caller
    carrier: Carrier
    closed: Callable[[Job], Checkpoint | None] = lambda job: None
    asked: str = ""


class Shard:
    """Up to ~250 jobs claimed together; with one shard, 10,000. Owns its jobs: no other task changes them.

    watch  told of each event when it is applied, with the job after it"""

    def __init__(self, name: str, hands: Mapping[str, Hands], ports: Ports, *, owner: str = "", calls: int = 200, moves: int = 4,
                 creates: int = 16, in_flight: int = 10_000, slots: Mapping[str, int] = {},
                 watch: Callable[[Job, AnyEvent], None] = lambda job, event: None) -> None:  # fmt: skip
        self.jobs: dict[JobId, Job] = {}
        self.name, self.owner, self._hands, self.ports = name, owner, hands, ports
        self._heap: list[tuple[float, int, JobId]] = []
        self._order = 0
        self._live: set[JobId] = set()  # something is owed
        self._busy: set[JobId] = set()
        self._rung = asyncio.Event()
        self._calls, self._creates = asyncio.Semaphore(calls), asyncio.Semaphore(creates)
        self._moves, self._moving, self._bringing = moves, 0, deque[JobId]()
        self._slots, self._in_flight = slots, in_flight
        self._taken: dict[str, set[JobId]] = {s: set() for s in slots}
        self._parked: dict[str, deque[JobId]] = {s: deque() for s in slots}
        self._births: Iterator[tuple[JobId, Planned]] = iter(())
        self._door = asyncio.Lock()  # stdout: a state may be said only between parts
        self._torn = set[str]()
        self._states: dict[str, Json] = {}
        self._lending = [s for s, h in hands.items() if h.tools.lends]
        self.foreign: dict[JobId, Job] = {}  # of a plan that asks something else: left alone, told
        self._batched: Batched = Batched()
        self._watch, self._no_wait = watch, False
        self.epoch, self._position = 0, 0
        self._scribe: Scribe | None = None

    # -- life

    async def run(self, births: Iterable[tuple[JobId, Planned]] = (), given: Position | None = None, *,
                  no_wait: bool = False) -> dict[JobId, Job]:  # fmt: skip
        """Claim, fold, obey until nothing is owed. Cancelled (deploy, lost lease): stops, and says nothing to the API.

        given    the position in the state that was handed back (lent receipts); None: there is none
        no_wait  until every remote job is made and known; they stay live, and a later run takes them over"""
        self._no_wait = no_wait
        self.epoch = await self.ports.ledger.claim(self.name, self.owner)
        delivered = await self._fold()
        self._scribe = Scribe(self.ports.ledger, self.name, self.epoch)
        try:
            await self._serve(births, delivered, given)
        finally:
            self._scribe.end()
        for stream in self._lending:
            self._say(stream, self._position)
        return self.jobs

    async def _serve(self, births: Iterable[tuple[JobId, Planned]], delivered: Mapping[JobId, list[tuple[Position, PartDelivered]]],
                     given: Position | None) -> None:  # fmt: skip
        assert self._scribe is not None
        async with asyncio.TaskGroup() as group:
            scribe = group.create_task(self._scribe.run())
            await self._recall(delivered, given)
            for job in [j for j in self.jobs.values() if j.synchronous and j.phase == "fetching"]:
                await self._record(job.id, reread(self._case(job.id)))
            for job in self.jobs.values():
                self._enter(job)
            live = {j.key for j in self.jobs.values() if not j.over}  # of an earlier run: taken over, not made again
            asks_later = _LATER if self._no_wait else frozenset[Phase]()
            self._births = (b for b in births if b[0] not in self.jobs and b[1].key not in live and b[1].to not in asks_later)
            await self._pump(group)
            scribe.cancel()

    async def _fold(self) -> dict[JobId, list[tuple[Position, PartDelivered]]]:
        """The jobs as the ledger has them; and where each lent part was written."""
        delivered: dict[JobId, list[tuple[Position, PartDelivered]]] = {}
        async for e in self.ports.ledger.read(self.name):
            self.jobs[e.job] = structs.replace(apply(self.jobs.get(e.job), e.event, e.job), seq=e.seq)
            self._position = max(self._position, e.position)
            if isinstance(e.event, PartDelivered) and e.event.lent:
                delivered.setdefault(e.job, []).append((e.position, e.event))
        self._states = await self.ports.ledger.checkpoints(self.name)
        self.foreign = {i: j for i, j in self.jobs.items() if not self._ours(j)}
        self.jobs = {i: j for i, j in self.jobs.items() if i not in self.foreign}
        return {i: parts for i, parts in delivered.items() if i in self.jobs}

    def _ours(self, job: Job) -> bool:
        hands = self._hands.get(job.stream)
        return hands is not None and job.asked in ("", hands.asked)

    async def _recall(self, delivered: Mapping[JobId, list[tuple[Position, PartDelivered]]], given: Position | None) -> None:
        for job_id, parts in delivered.items():
            if self.jobs[job_id].over or not any(t.lent for t in self.jobs[job_id].targets):
                continue
            first: dict[str, int] = {}
            for position, e in parts:
                if given is None or position > given:
                    first[str(e.target)] = min(e.part, first.get(str(e.target), e.part))
            lent = [s.name for t in self.jobs[job_id].targets for s in t.lent]
            await self._record(job_id, recalled(self._case(job_id), first))
            kept = {s.name for t in self.jobs[job_id].targets for s in t.stored}
            for name in lent:
                if name not in kept:
                    await self.ports.spool.drop(name)

    def _enter(self, job: Job) -> None:
        slot = self._slot(job)
        if slot and job.phase in HOLDS_SLOT:
            self._taken[slot].add(job.id)
        if not self._rests(job):
            self._live.add(job.id)
            self._push(job)

    def _rests(self, job: Job) -> bool:
        """Nothing is owed in this run."""
        left = self._no_wait and not job.cancel and (job.phase in _LATER or (job.phase == "planned" and job.waits > 0))
        return left or rests(job)

    def _push(self, job: Job) -> None:
        self._order += 1
        heapq.heappush(self._heap, (due(job), self._order, job.id))
        self._rung.set()

    async def _admit(self) -> None:
        """New jobs, a few hundred in one commit, while there is room in flight."""
        fresh: list[tuple[JobId, Planned]] = []
        while len(self._live) + len(fresh) < self._in_flight and len(fresh) < 500:
            birth = next(self._births, None)
            if birth is None:
                break
            fresh.append(birth)
        if not fresh:
            return
        assert self._scribe is not None
        await self._scribe.write([Entry(i, 1, e) for i, e in fresh], [])
        for i, e in fresh:
            self.jobs[i] = apply(None, e, i)
            self._watch(self.jobs[i], e)
            self._enter(self.jobs[i])

    async def _pump(self, group: asyncio.TaskGroup) -> None:
        """Never waits for anything but time, a ring, or room among the calls."""
        clock = self.ports.clock
        while True:
            await self._admit()
            if not self._live:
                return
            now = clock.now()
            if self._bringing and self._moving < self._moves:
                self._spawn_move(group, self._bringing.popleft())
            elif self._heap and self._heap[0][0] <= now:
                await self._start(group, heapq.heappop(self._heap)[2], now)
            elif self._batched.waiting:
                await self._flush(group, now)
            else:
                self._rung.clear()
                await clock.until(self._heap[0][0] if self._heap else float("inf"), self._rung)

    async def _start(self, group: asyncio.TaskGroup, job_id: JobId, now: float) -> None:
        job = self.jobs[job_id]
        if job_id in self._busy or self._rests(job) or due(job) > now:
            return  # an old ticket: a newer one is in the heap, or comes with the end of the turn
        match decide(job, now):
            case Send(step="create") if self._full(job):
                return
            case Bring() if self._moving >= self._moves:
                self._busy.add(job_id)
                self._bringing.append(job_id)
            case Bring():
                self._busy.add(job_id)
                self._spawn_move(group, job_id)
            case Send(step="poll") if self._batched.take(job, self._hands[job.stream].plan):
                self._busy.add(job_id)
                if self._batched.full:
                    await self._flush(group, now)
            case _:
                self._busy.add(job_id)
                await self._calls.acquire()
                group.create_task(self._turn(job_id, self._calls.release))

    def _spawn_move(self, group: asyncio.TaskGroup, job_id: JobId) -> None:
        def free() -> None:
            self._moving -= 1

        self._moving += 1
        group.create_task(self._turn(job_id, free))

    async def _flush(self, group: asyncio.TaskGroup, now: float) -> None:
        """The polls that go together, with those due a moment later."""
        ids, within = self._batched.flush()
        while self._heap and self._heap[0][0] <= now + within and len(ids) < self._batched.most:
            job = self.jobs[heapq.heappop(self._heap)[2]]
            same = (
                job.id not in self._busy
                and job.phase == "running"
                and not job.cancel
                and job.stream == self.jobs[ids[0]].stream
            )
            if same and decide(job, now + within) == Send("poll"):
                self._busy.add(job.id)
                ids.append(job.id)
            elif job.id not in self._busy and not self._rests(job):
                self._push(job)
                break
        await self._calls.acquire()
        group.create_task(self._turns(ids))

    def _slot(self, job: Job) -> str:
        name = self._hands[job.stream].plan.retrieval.policy.slots
        return name if name in self._slots else ""

    def _full(self, job: Job) -> bool:
        """Slots are counted from phases, so none can leak; taken here, given back when the turn or the phase is over."""
        slot = self._slot(job)
        if not slot or job.id in self._taken[slot]:
            return False
        if len(self._taken[slot]) >= self._slots[slot]:
            self._parked[slot].append(job.id)
            if self._no_wait:
                self._live.discard(job.id)  # a later run makes it, when one of the others has ended
            return True
        self._taken[slot].add(job.id)
        return False

    def _settle_slot(self, job: Job) -> None:
        slot = self._slot(job)
        if slot and job.phase not in HOLDS_SLOT and job.id in self._taken[slot]:
            self._taken[slot].discard(job.id)
            while self._parked[slot]:
                waiting = self.jobs[self._parked[slot].popleft()]
                if waiting.phase == "planned":
                    self._live.add(waiting.id)
                    return self._push(waiting)

    # -- one turn

    async def _turn(self, job_id: JobId, free: Callable[[], None]) -> None:
        try:
            await self._obey(job_id)
        finally:
            free()
            self._busy.discard(job_id)
        self._after(job_id)

    async def _turns(self, ids: list[JobId]) -> None:
        """Several polls by one request; each job has its own answer, or is polled singly."""
        try:
            hands = self._hands[self.jobs[ids[0]].stream]
            results = await self._batched.ask(
                hands.caller, hands.plan, [self.jobs[i] for i in ids], hands.tools, self.ports.clock
            )
            together = hands.plan.retrieval.poll.together if hands.plan.retrieval.poll else None
            assert together is not None
            await asyncio.gather(*(
                self._ask(i, Send("poll")) if got is None else self._conclude(
                    i, Send("poll"), got.result, together.exchange if got.failed else None)
                for i, got in zip(ids, results, strict=True)))  # fmt: skip
        finally:
            self._calls.release()
            self._busy.difference_update(ids)
        for i in ids:
            self._after(i)

    def _after(self, job_id: JobId) -> None:
        job = self.jobs[job_id]
        self._settle_slot(job)
        if self._rests(job):
            self._live.discard(job_id)
            self._rung.set()
        else:
            self._push(job)

    def _case(self, job_id: JobId) -> Case:
        job = self.jobs[job_id]
        hands = self._hands[job.stream]
        return Case(hands.plan.retrieval, job, self.ports.clock.now(), hands.tools)

    async def _obey(self, job_id: JobId) -> None:
        match decide(self.jobs[job_id], self.ports.clock.now()):
            case Send(step="create") as cmd:
                async with self._creates:
                    await self._create(job_id, cmd)
            case Send() as cmd:
                await self._ask(job_id, cmd)
            case Bring():
                await self._bring(job_id)
            case Relist():
                await self._record(job_id, relist(self._case(job_id)))
            case Retract():
                job = self.jobs[job_id]
                await self.ports.work(self.ports.destination.retract, job.stream, job.id, job.attempt, self.epoch)
                await self._record(job_id, retracted(self._case(job_id)))
            case Quit():
                await self._record(job_id, quit_job(self._case(job_id)))
            case _:
                pass

    async def _create(self, job_id: JobId, cmd: Send) -> None:
        """Ready, then the intent, then the request: what fails before the intent has asked for nothing."""
        c = self._case(job_id)
        ex = c.plan.create
        assert ex is not None
        caller = self._hands[c.job.stream].caller
        ready = await caller.ready(apply(c.job, sent(c.plan, c.job, c.now)), cmd, ex)
        if self.jobs[job_id].cancel and c.job.phase == "planned":
            return None  # asked while it waited for its budget
        if not isinstance(ready, Signed):
            return await self._conclude(job_id, cmd, ready)
        intent = sent(c.plan, self.jobs[job_id], self.ports.clock.now())
        await self._record(job_id, intent)
        if self.ports.clock.now() - intent.at > too_old(c.plan, ex):
            return await self._conclude(job_id, cmd, Lost(sent=False, why="the intent is too old: another may have the job"))
        await self._conclude(job_id, cmd, await caller.send(self.jobs[job_id], cmd, ex, ready))

    async def _ask(self, job_id: JobId, cmd: Send) -> None:
        job = self.jobs[job_id]
        hands = self._hands[job.stream]
        ex = exchange_of(hands.plan.retrieval, cmd.step, cmd.n)
        result: Result = Lost(sent=False, why="nothing to ask")
        if ex is not None:
            ready = await hands.caller.ready(job, cmd, ex)
            result = await hands.caller.send(job, cmd, ex, ready) if isinstance(ready, Signed) else ready
        await self._conclude(job_id, cmd, result)

    async def _conclude(self, job_id: JobId, cmd: Send, result: Result, asked: Exchange | None = None) -> None:
        c = self._case(job_id)
        await self._record(job_id, *conclude(c.plan, c.job, cmd, result, c.now, c.tools, asked))

    async def _bring(self, job_id: JobId) -> None:
        stream = self.jobs[job_id].stream
        owner = Owner(lambda: self._case(job_id), lambda e: self._record(job_id, e), self._door,
                      lambda position: self._say(stream, position), lambda: self._torn.add(stream), self.epoch)  # fmt: skip
        failed = await Haul(owner, self._hands[stream].carrier, self.ports).run()
        if failed is not None:
            await self._conclude(job_id, Send("fetch"), failed)

    def _say(self, stream: str, position: Position) -> None:
        """The state, to a destination whose receipt it is. Only between parts: every line before it is then covered."""
        if stream not in self._torn:
            self.ports.destination.checkpoint(stream, self._states.get(stream), position)

    async def cancel(self, job_ids: Iterable[JobId], by: str) -> None:
        """The user's cancel, not a deploy's: remembered, obeyed when nothing is in flight; what could not be aborted is
        counted."""
        for job_id in job_ids:
            event = cancel(self.jobs[job_id], self.ports.clock.now(), by)
            if event is not None:
                await self._record(job_id, event)
                if not self._rests(self.jobs[job_id]):
                    self._live.add(job_id)
                    self._push(self.jobs[job_id])

    async def heed(self) -> None:
        """Requests that other processes have left in the ledger."""
        for job_id, by in await self.ports.ledger.requests(self.name):
            if job_id in self.jobs:
                await self.cancel([job_id], by)

    # -- history

    async def _record(self, job_id: JobId, *events: AnyEvent) -> Position:
        """Apply at once, act when durable. In between the job may only be ahead of the ledger, never beside it: if the commit
        fails the whole shard falls, and folds again."""
        assert self._scribe is not None
        entries: list[Entry] = []
        loose = True
        for e in events:
            before = self.jobs[job_id]
            g = grade(e, before.phase, before.synchronous)
            loose = loose and g == "loose"
            job = apply(before, e)
            self.jobs[job_id] = job
            self._watch(job, e)
            entries.append(Entry(job_id, job.seq, e, loose=g == "loose"))
        if loose:
            if isinstance(events[-1], Retried) or not self.jobs[job_id].synchronous:
                self._scribe.note(entries[-1])
            return 0
        job, hands = self.jobs[job_id], self._hands[self.jobs[job_id].stream]
        done = hands.closed(job) if rests(job) else None
        self._position = await self._scribe.write([e for e in entries if not e.loose], [done] if done else [])
        if done is not None:
            self._states[job.stream] = done.state
            if not hands.tools.lends:
                self.ports.destination.checkpoint(job.stream, done.state, self._position)
        return self._position
