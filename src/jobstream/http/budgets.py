"""Requests against one account: at most so many in any window, and so many at the same time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from jobstream.plan.source import Budget
from jobstream.ports import Clock

LONGEST = 60.0  # seconds; what one answer says never stops a whole budget for longer


class Budgets:
    """By name. One that the plan does not have is without limit.

    take   waits for the rate; whoever comes first goes first. Before an intent is written, so never while sending.
    enter  waits for a place among the open requests; leave gives it back
    slow   an answer said 429: nothing more of this budget until then (epoch seconds), at most a minute
    """

    def __init__(self, budgets: Mapping[str, Budget], clock: Clock) -> None:
        self._rates = {name: _Rate(b, clock) for name, b in budgets.items()}
        self._open = {name: asyncio.Semaphore(b.open) for name, b in budgets.items() if b.open}

    async def take(self, name: str) -> None:
        if name in self._rates:
            await self._rates[name].take()

    def slow(self, name: str, until: float) -> None:
        if name in self._rates:
            self._rates[name].pause(until)

    async def enter(self, name: str) -> None:
        if name in self._open:
            await self._open[name].acquire()

    def leave(self, name: str) -> None:
        if name in self._open:
            self._open[name].release()


class _Rate:
    """A sliding window: the take before `rate` takes ago must be `per` seconds old."""

    def __init__(self, budget: Budget, clock: Clock) -> None:
        self._rate, self._per, self._clock = budget.rate, budget.per, clock
        self._taken: deque[float] = deque(maxlen=budget.rate or 1)
        self._paused, self._read = 0.0, clock.now()
        self._turn = asyncio.Lock()  # fair; only its holder looks at the clock
        self._never = asyncio.Event()

    async def take(self) -> None:
        async with self._turn:
            while (now := self._now()) < (at := self._free()):
                await self._clock.until(at, self._never)
            self._taken.append(now)

    def pause(self, until: float) -> None:
        self._paused = max(self._paused, min(until, self._now() + LONGEST))

    def _free(self) -> float:
        full = self._rate and len(self._taken) == self._rate
        return max(self._taken[0] + self._per if full else 0.0, self._paused)

    def _now(self) -> float:
        """A clock that is set back takes its past along, else all would wait until it has caught up."""
        now = self._clock.now()
        if now < self._read:
            back = self._read - now
            self._taken = deque((t - back for t in self._taken), self._taken.maxlen)
            self._paused -= back
        self._read = now
        return now
