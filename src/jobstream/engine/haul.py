"""The targets of one job: a few at a time, each stored, committed, delivered, committed, part by part."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from jobstream.engine.bring import Carrier, Part
from jobstream.jobs.event import AnyEvent
from jobstream.jobs.job import Job
from jobstream.meaning.case import Case
from jobstream.meaning.parts import may_wait, next_part, part_delivered, part_lost, part_stored
from jobstream.meaning.read import Broken, Lost, Result
from jobstream.plan.retrieval import Fetch
from jobstream.ports import Epoch, Ports, Position, SpoolLost


class Owner(NamedTuple):
    """What the shard lends for one job. case: as it is now · record: applied at once, durable on return · said, torn: a state
    may be told to a lending destination, or none any more."""

    case: Callable[[], Case]
    record: Callable[[AnyEvent], Awaitable[Position]]
    door: asyncio.Lock
    said: Callable[[Position], None]
    torn: Callable[[], None]
    epoch: Epoch


class Haul:
    """One Bring. A failure is returned when its siblings have settled: one of them may be handing records over right now, and
    whether a new attempt may be made hangs on that."""

    def __init__(self, owner: Owner, carrier: Carrier, ports: Ports) -> None:
        self._owner, self._carrier, self._ports = owner, carrier, ports
        self._failed: list[Result] = []
        self._aside: list[Result] = []  # to be asked again: concluded when the siblings are done

    @property
    def job(self) -> Job:
        return self._owner.case().job

    @property
    def _fetch(self) -> Fetch:
        return self._owner.case().plan.fetch

    async def run(self) -> Result | None:
        """What ended it early, if anything did and the job is still fetching."""
        for delivers in (False, True) if self._fetch.deliver == "whole" else (True,):
            await self._sweep(delivers)
            if self._failed or self._aside:
                break
        if self.job.phase != "fetching" or not (self._failed or self._aside):
            return None
        return self._failed[0] if self._failed else max(self._aside, key=lambda r: r.got if isinstance(r, Lost) else 0)

    async def _sweep(self, delivers: bool) -> None:
        todo = iter([i for i, t in enumerate(self.job.targets) if not t.done])

        async def worker() -> None:
            for i in todo:
                if not self._goes_on():
                    return
                got = await self._target(i, delivers)
                if got is not None:
                    (self._aside if may_wait(self._owner.case(), got) else self._failed).append(got)

        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, min(self._fetch.parallel, self.job.targets.open))):
                group.create_task(worker())

    def _goes_on(self) -> bool:
        job = self.job
        return job.phase == "fetching" and not job.cancel and not self._failed

    async def _target(self, i: int, delivers: bool) -> Result | None:
        """One target to its end; storing runs ahead of delivering by a few parts. Or why not."""
        ahead = max(1, self._fetch.ahead)
        storing: asyncio.Task[Result | None] | None = None
        got: Result | None = None
        async with asyncio.TaskGroup() as group:
            while got is None and self._goes_on():
                t = self.job.targets[i]
                if storing is not None and storing.done():
                    got, storing = storing.result(), None
                elif storing is None and not t.complete and (not delivers or len(t.stored) < ahead):
                    storing = group.create_task(self._store(i))
                elif delivers and t.stored:
                    got = await self._deliver(i)
                elif storing is not None:
                    got, storing = await storing, None
                else:
                    break
        if storing is not None and got is None:
            got = storing.result()
        return got

    async def _store(self, i: int) -> Result | None:
        got = await self._carrier.store(self.job, i)
        if not isinstance(got, Part):
            return got
        if got.stored.part != next_part(self.job, i):
            await self._ports.spool.drop(got.stored.name)  # an elder part was found lost meanwhile: the walk begins there again
        else:
            await self._owner.record(part_stored(self._owner.case(), i, got.stored, got.next))  # ahead
        return None

    async def _deliver(self, i: int) -> Result | None:
        if not self._owner.case().tools.lends:
            return await self._hand_over(i)
        async with self._owner.door:
            return await self._hand_over(i)

    async def _hand_over(self, i: int) -> Result | None:
        job, lends = self.job, self._owner.case().tools.lends
        part = job.targets[i].stored[0]
        try:
            got = await self._ports.work(self._carrier.deliver, job, i, part, self._owner.epoch)
        except SpoolLost:
            await self._owner.record(part_lost(self._owner.case(), i))
            return None
        if isinstance(got, Broken):
            self._owner.torn()  # lines of half a part may be out: no state may cover them
            return got
        position = await self._owner.record(part_delivered(self._owner.case(), i, got.counts, got.receipt, got.seen))
        if lends:
            self._owner.said(position)
        else:
            await self._ports.spool.drop(part.name)
        return None
