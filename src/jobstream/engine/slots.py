"""Remote jobs open at the same time. Sets of job ids, derived from phases, so that no slot leaks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from jobstream.jobs.job import Job
from jobstream.jobs.table import HOLDS_SLOT
from jobstream.ports import JobId


class Lane:
    """So many tasks at the same time. Nobody waits in it: who finds no room comes again."""

    def __init__(self, most: int) -> None:
        self._free = most

    @property
    def room(self) -> bool:
        return self._free > 0

    def enter(self) -> None:
        self._free -= 1

    def leave(self) -> None:
        self._free += 1


class Slots:
    """most: how many, by name · name: of a job's slot, empty where it needs none."""

    def __init__(self, most: Mapping[str, int], name: Callable[[Job], str]) -> None:
        self._most, self._name = most, name
        self._taken: dict[str, set[JobId]] = {s: set() for s in most}
        self._waiting: dict[str, deque[JobId]] = {s: deque() for s in most}

    def enter(self, job: Job) -> None:
        """A job as it was found."""
        slot = self._of(job)
        if slot and job.phase in HOLDS_SLOT:
            self._taken[slot].add(job.id)

    def full(self, job: Job) -> bool:
        """Taken here, or waited for; given back when the turn or the phase is over."""
        slot = self._of(job)
        if not slot or job.id in self._taken[slot]:
            return False
        if len(self._taken[slot]) >= self._most[slot]:
            self._waiting[slot].append(job.id)
            return True
        self._taken[slot].add(job.id)
        return False

    def settle(self, job: Job, wants: Callable[[JobId], bool]) -> JobId | None:
        """After a turn of `job`: who may try now. wants: whether one that waits still needs it."""
        slot = self._of(job)
        if not slot or job.phase in HOLDS_SLOT or job.id not in self._taken[slot]:
            return None
        self._taken[slot].discard(job.id)
        while self._waiting[slot]:
            waiting = self._waiting[slot].popleft()
            if wants(waiting):
                return waiting
        return None

    def _of(self, job: Job) -> str:
        name = self._name(job)
        return name if name in self._most else ""
