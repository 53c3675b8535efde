"""Slices unfolded into jobs, ended jobs folded into the stream's state. The state moves in the commit of the event that ended the
job; a gap holds it back, because the cursor merges closed intervals and believes the first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator

import msgspec

from jobstream.jobs.event import Planned, Slice
from jobstream.jobs.job import Job
from jobstream.kinds import Cursor
from jobstream.meaning.case import job_key, plan_job
from jobstream.plan.notes import Json
from jobstream.plan.stream import StreamPlan
from jobstream.ports import Checkpoint

COMMON = "*"
GOOD = frozenset(("done", "skipped", "lent"))


def job_id(run: str, stream: str, piece: Slice) -> str:
    """The same in a run that goes on: what it has made already is not made again."""
    name = hashlib.blake2b(msgspec.json.encode([stream, piece.id]), digest_size=8).hexdigest()
    return f"{run}.{name}" if run else name


def partition_key(piece: Slice) -> str:
    return msgspec.json.encode(piece.partition, order="deterministic").decode()


class StreamRun:
    """State: {partition key: the cursor's own JSON}. Counts by outcome, for people."""

    def __init__(
        self, source: str, plan: StreamPlan, cursor: Cursor | None, state: Json, asked: str, now: Callable[[], float]
    ) -> None:
        self._source, self.plan, self._cursor, self.asked, self._now = source, plan, cursor, asked, now
        self.state: dict[str, Json] = dict(state or {})
        self.halted = False

    def births(self, partitions: Iterable[Slice] = (Slice(),), run: str = "") -> Iterator[tuple[str, Planned]]:
        """Lazily: a slice becomes a job when there is room in flight. A halted stream plans no more. run: part of the job's id."""
        limit = self.plan.limits.slices
        n = 0
        for partition in partitions:
            for piece in self._slices(partition):
                if self.halted or (limit is not None and n >= limit):
                    return
                n += 1
                yield self._planned(piece, job_id(run, self.plan.name, piece))

    def _planned(self, piece: Slice, name: str) -> tuple[str, Planned]:
        key = job_key(self._source, self.plan.name, self.asked, piece)
        return name, plan_job(self.plan.retrieval, self.plan.name, piece, key, self._now(), self.asked)

    def pieces(self, job: Job) -> Iterator[tuple[str, Planned]]:
        """The jobs that take a split one's place."""
        for n, piece in enumerate(job.children, 1):
            yield self._planned(piece, f"{job.id}-{n}")

    def _slices(self, partition: Slice) -> Iterator[Slice]:
        if self._cursor is None:
            return iter((partition,))
        common = self.state.get(COMMON)  # of a stream that had no partitions, or whose state is one for all
        return self._cursor.slices(self.state.get(partition_key(partition), common), partition, self._now())

    def closed(self, job: Job) -> Checkpoint | None:
        """The state after this job. A partial result closes nothing but what was seen."""
        self.halted = self.halted or job.halt
        if job.phase not in GOOD or self._cursor is None or job.slice.window is None:
            return None
        seen = tuple(t.seen for t in job.targets)
        piece = job.slice
        if job.partial:
            most = max((s for s in seen if s is not None), default=None)
            if most is None:
                return None
            piece = Slice(piece.partition, (piece.window[0], str(most)) if piece.window else None, piece.extra)
        key = partition_key(piece)
        self.state = {**self.state, key: self._cursor.close(self.state.get(key), piece, seen)}
        return Checkpoint(self.plan.name, self.state)
