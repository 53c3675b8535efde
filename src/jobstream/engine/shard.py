"""THE INTERPRETER: obeys the machine. One pump and one heap for all waiting jobs of a shard; a task only while something is
being done; one scribe that commits for all. Knows ports and kinds, no dialect, no concrete component."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from jobstream.engine.exchange import Signed
from jobstream.engine.hands import Hands, Lanes
from jobstream.engine.haul import Haul, Owner
from jobstream.engine.history import History
from jobstream.engine.scribe import Scribe
from jobstream.engine.slots import Lane, Slots
from jobstream.engine.takeover import Lent, found, lost_answer, uncovered
from jobstream.engine.together import Batched
from jobstream.engine.trace import masked
from jobstream.jobs.command import Bring, Quit, Relist, Retract, Send, decide, due, rests
from jobstream.jobs.event import AnyEvent, Phase, Planned
from jobstream.jobs.job import Job, apply
from jobstream.meaning.case import Case, exchange_of, sent, too_old
from jobstream.meaning.conclude import conclude
from jobstream.meaning.ending import cancel, quit_job, resolve, retracted
from jobstream.meaning.listing import relist
from jobstream.meaning.parts import recalled, reread
from jobstream.meaning.read import Lost, Result
from jobstream.plan.exchange import Exchange
from jobstream.ports import Entry, JobId, Ports, Position

_LATER: frozenset[Phase] = frozenset(("running", "locating", "fetching", "lent", "deleting"))  # where no_wait leaves a job
EVER = float("inf")
Given: TypeAlias = Position | Mapping[str, Position] | None


class Shard:
    """Up to ~250 jobs claimed together; with one shard, 10,000. Owns its jobs: no other task changes them.

    run    part of the ids of this run's jobs: of ended ones only those are read; empty: all
    watch  told of each event when it is applied, with the job after it · took: of each job that was there before
    heeds  seconds between two looks for requests of other processes
    """

    def __init__(self, name: str, hands: Mapping[str, Hands], ports: Ports, *, owner: str = "", run: str = "",
                 lanes: Lanes = Lanes(), slots: Mapping[str, int] = {}, heeds: float = 1.0,
                 watch: Callable[[Job, AnyEvent], None] = lambda job, event: None,
                 took: Callable[[Job], None] = lambda job: None) -> None:  # fmt: skip
        self._history = History(hands, ports, watch, self._begun)
        self.jobs = self._history.jobs
        self.foreign: dict[JobId, Job] = {}  # of a plan that asks something else: left alone, told
        self.name, self.owner, self._run, self._hands, self.ports = name, owner, run, hands, ports
        self._heap: list[tuple[float, int, JobId]] = []
        self._order = 0
        self._live: set[JobId] = set()  # something is owed
        self._busy: set[JobId] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._rung = asyncio.Event()
        self._calls, self._creates = Lane(lanes.calls), asyncio.Semaphore(lanes.creates)
        self._moves, self._bringing = Lane(lanes.moves), deque[JobId]()
        self._in_flight = lanes.in_flight
        self._slots = Slots(slots, lambda job: self._hands[job.stream].plan.retrieval.policy.slots)
        self._births: Iterator[tuple[JobId, Planned]] = iter(())
        self._door = asyncio.Lock()  # stdout: a state may be said only between parts
        self._torn = set[str]()
        self._lending = [s for s, h in hands.items() if h.tools.lends]
        self._batched: Batched = Batched()
        self._took, self._no_wait = took, False
        self._only: frozenset[JobId] | None = None
        self._heeds, self._heeded, self._until = heeds, 0.0, EVER
        self.epoch = 0

    # -- life

    async def run(self, births: Iterable[tuple[JobId, Planned]] = (), given: Given = None, *, no_wait: bool = False,
                  only: frozenset[JobId] | None = None, cancel: str = "", within: float = EVER) -> dict[JobId, Job]:  # fmt: skip
        """Claim, fold, obey until nothing is owed. Cancelled (deploy, lost lease): stops, and says nothing to the API.

        given    the position in the state that was handed back (lent receipts), or by stream; None: there is none
        no_wait  until every remote job is made and known; they stay live, and a later run takes them over
        only     no other job is touched
        cancel   who cancels all of them · within: seconds after which what has not been aborted is left"""
        self._no_wait, self._only = no_wait, only
        self.epoch = await self.ports.ledger.claim(self.name, self.owner)
        there = await found(self.ports.ledger, self.name, self._run)
        self._history.position, self._history.states = there.position, await self.ports.ledger.checkpoints(self.name)
        for i, job in there.jobs.items():
            if self._ours(job):
                self.jobs[i] = job
                self._took(job)
            else:
                self.foreign[i] = job
        self._history.scribe = Scribe(self.ports.ledger, self.name, self.epoch)
        try:
            await self._serve(births, {i: parts for i, parts in there.lent.items() if i in self.jobs}, given, cancel, within)
        finally:
            self._history.scribe.end()
        for stream in self._lending:
            self._say(stream, self._history.position)
        return self.jobs

    async def _serve(self, births: Iterable[tuple[JobId, Planned]], lent: Mapping[JobId, Lent], given: Given, by: str,
                     within: float) -> None:  # fmt: skip
        assert self._history.scribe is not None
        async with asyncio.TaskGroup() as group:
            scribe = group.create_task(self._history.scribe.run())
            await self._recall(lent, given)
            for job in [j for j in self.jobs.values() if j.synchronous and j.phase == "fetching"]:
                await self._history.record(job.id, reread(self._case(job.id)))
            for job in self.jobs.values():
                self._enter(job)
            live = {j.key for j in self.jobs.values() if not j.over}  # of an earlier run: taken over, not made again
            asks_later = _LATER if self._no_wait else frozenset[Phase]()
            self._births = (b for b in births if b[0] not in self.jobs and b[1].key not in live and b[1].to not in asks_later)
            await self.heed()
            if by:
                await self.stop(by, within)
            await self._pump(group)
            for task in self._tasks:
                task.cancel()
            scribe.cancel()

    @property
    def serves(self) -> bool:
        """It has begun, and may be told to cancel or stop."""
        return self._history.scribe is not None

    def _ours(self, job: Job) -> bool:
        hands = self._hands.get(job.stream)
        return hands is not None and job.asked in ("", hands.asked)

    async def _recall(self, lent: Mapping[JobId, Lent], given: Given) -> None:
        for job_id, parts in lent.items():
            job = self.jobs[job_id]
            if job.over or not any(t.lent for t in job.targets):
                continue
            names = [s.name for t in job.targets for s in t.lent]
            at = given.get(job.stream) if isinstance(given, Mapping) else given
            await self._history.record(job_id, recalled(self._case(job_id), uncovered(parts, at)))
            kept = {s.name for t in self.jobs[job_id].targets for s in t.stored}
            for name in names:
                if name not in kept:
                    await self.ports.spool.drop(name)

    def _enter(self, job: Job) -> None:
        self._slots.enter(job)
        if not self._rests(job):
            self._live.add(job.id)
            self._push(job)

    def _rests(self, job: Job) -> bool:
        """Nothing is owed in this run."""
        left = self._no_wait and not job.cancel and (job.phase in _LATER or (job.phase == "planned" and job.waits > 0))
        return left or rests(job) or (self._only is not None and job.id not in self._only)

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
        assert self._history.scribe is not None
        await self._history.scribe.write([Entry(i, 1, e) for i, e in fresh], [])
        self._begun(fresh)

    async def _pump(self, group: asyncio.TaskGroup) -> None:
        """Never waits for anything but time or a ring; a turn that ends rings, for it leaves room in its lane."""
        clock = self.ports.clock
        while True:
            await self._admit()
            now = clock.now()
            if not self._live or now >= self._until:
                return
            if now >= self._heeded + self._heeds:
                self._heeded = now
                self._history.flush()
                await self.heed()
            elif self._bringing and self._moves.room:
                self._spawn(group, self._moves, self._turn(self._bringing.popleft()))
            elif self._heap and self._heap[0][0] <= now and self._calls.room:
                self._start(group, heapq.heappop(self._heap)[2], now)
            elif self._batched.waiting and self._calls.room:
                self._flush(group, now)
            else:
                self._rung.clear()
                first = self._heap[0][0] if self._heap and self._calls.room else EVER
                await clock.until(min(first, self._until, self._heeded + self._heeds), self._rung)

    def _start(self, group: asyncio.TaskGroup, job_id: JobId, now: float) -> None:
        job = self.jobs[job_id]
        if job_id in self._busy or self._rests(job) or due(job) > now:
            return  # an old ticket: a newer one is in the heap, or comes with the end of the turn
        match decide(job, now):
            case Send(step="create") if self._full(job):
                return
            case Bring():
                self._busy.add(job_id)
                self._bringing.append(job_id)
            case Send(step="poll") if self._batched.take(job, self._hands[job.stream].plan):
                self._busy.add(job_id)
                if self._batched.full:
                    self._flush(group, now)
            case _:
                self._busy.add(job_id)
                self._spawn(group, self._calls, self._turn(job_id))

    def _spawn(self, group: asyncio.TaskGroup, lane: Lane, turn: Coroutine[Any, Any, None]) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            lane.leave()
            self._rung.set()

        lane.enter()
        task = group.create_task(turn)
        self._tasks.add(task)
        task.add_done_callback(ended)

    def _flush(self, group: asyncio.TaskGroup, now: float) -> None:
        """The polls that go together, with those due a moment later."""
        ids, within = self._batched.flush()
        while self._heap and self._heap[0][0] <= now + within and len(ids) < self._batched.most:
            job = self.jobs[heapq.heappop(self._heap)[2]]
            idle = job.id not in self._busy and job.stream == self.jobs[ids[0]].stream
            if idle and job.phase == "running" and decide(job, now + within) == Send("poll"):
                self._busy.add(job.id)
                ids.append(job.id)
            elif job.id not in self._busy and not self._rests(job):
                self._push(job)
                break
        self._spawn(group, self._calls, self._turns(ids))

    def _full(self, job: Job) -> bool:
        full = self._slots.full(job)
        if full and self._no_wait:
            self._live.discard(job.id)  # a later run makes it, when one of the others has ended
        return full

    # -- one turn

    async def _turn(self, job_id: JobId) -> None:
        try:
            await self._obey(job_id)
        finally:
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
            self._busy.difference_update(ids)
        for i in ids:
            self._after(i)

    def _after(self, job_id: JobId) -> None:
        job = self.jobs[job_id]
        next_one = self._slots.settle(job, lambda i: self.jobs[i].phase == "planned")
        if next_one is not None:
            self._live.add(next_one)
            self._push(self.jobs[next_one])
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
                await self._history.record(job_id, relist(self._case(job_id)))
            case Retract():
                job = self.jobs[job_id]
                await self.ports.work(self.ports.destination.retract, job.stream, job.id, job.attempt, self.epoch)
                await self._history.record(job_id, retracted(self._case(job_id)))
            case Quit():
                await self._history.record(job_id, quit_job(self._case(job_id)))
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
        await self._history.record(job_id, intent)
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
        redacted = self._hands[c.job.stream].caller.redacted
        said = conclude(c.plan, c.job, cmd, result, c.now, c.tools, asked)
        await self._history.record(job_id, *(masked(e, redacted) for e in said))

    async def _bring(self, job_id: JobId) -> None:
        stream = self.jobs[job_id].stream
        lost = lost_answer(self.jobs[job_id], self.ports.spool)
        if lost is not None:
            await self._history.record(job_id, relist(self._case(job_id), lost))
            return
        owner = Owner(lambda: self._case(job_id), lambda e: self._history.record(job_id, e), self._door,
                      lambda position: self._say(stream, position), lambda: self._torn.add(stream), self.epoch)  # fmt: skip
        failed = await Haul(owner, self._hands[stream].carrier, self.ports).run()
        if failed is not None:
            await self._conclude(job_id, Send("fetch"), failed)

    def _say(self, stream: str, position: Position) -> None:
        """The state, to a destination whose receipt it is. Only between parts: every line before it is then covered."""
        if stream not in self._torn:
            self.ports.destination.checkpoint(stream, self._history.states.get(stream), position)

    async def cancel(self, job_ids: Iterable[JobId], by: str) -> None:
        """The user's cancel, not a deploy's: remembered, obeyed when nothing is in flight; what could not be aborted is
        counted."""
        for job_id in job_ids:
            event = cancel(self.jobs[job_id], self.ports.clock.now(), by)
            if event is not None:
                await self._history.record(job_id, event)
                if not self._rests(self.jobs[job_id]):
                    self._live.add(job_id)
                    self._push(self.jobs[job_id])

    async def heed(self) -> None:
        """Requests that other processes have left in the ledger."""
        for asked in await self.ports.ledger.requests(self.name):
            job = self.jobs.get(asked.job)
            if job is None:
                continue
            if asked.what == "cancel":
                await self.cancel([job.id], asked.by)
            elif job.phase == "parked":
                await self._history.record(job.id, resolve(self._case(job.id), asked.value))
                self._enter(self.jobs[job.id])
            await self.ports.ledger.settled(job.id)

    async def stop(self, by: str, within: float = EVER) -> None:
        """Nothing new is planned, everything is cancelled. What cannot be aborted in time is left: its remote job may run on."""
        self._births = iter(())
        self._until = self.ports.clock.now() + within
        await self.cancel([i for i, j in self.jobs.items() if not j.over and (self._only is None or i in self._only)], by)
        self._rung.set()

    def _begun(self, born: list[tuple[JobId, Planned]]) -> None:
        for i, e in born:
            self._history.begin(i, e)
            self._enter(self.jobs[i])
