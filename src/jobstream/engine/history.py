"""The jobs of a shard and what is written of them: applied at once, acted upon when durable."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jobstream.engine.hands import Hands
from jobstream.engine.scribe import Scribe
from jobstream.engine.takeover import left_over, newly_born
from jobstream.jobs.command import rests
from jobstream.jobs.event import AnyEvent, Planned, Retried
from jobstream.jobs.job import Job, apply
from jobstream.jobs.table import grade
from jobstream.plan.notes import Json
from jobstream.ports import Entry, JobId, Ports, Position


class History:
    """watch: told of each event when it is applied · born: of the pieces of a split job, when they are durable."""

    def __init__(self, hands: Mapping[str, Hands], ports: Ports, watch: Callable[[Job, AnyEvent], None],
                 born: Callable[[list[tuple[JobId, Planned]]], None]) -> None:  # fmt: skip
        self.jobs: dict[JobId, Job] = {}
        self.states: dict[str, Json] = {}
        self.position: Position = 0
        self.scribe: Scribe | None = None
        self._hands, self._ports, self._watch, self._born = hands, ports, watch, born

    def begin(self, job_id: JobId, e: Planned) -> None:
        """A job that is written already."""
        self.jobs[job_id] = apply(None, e, job_id)
        self._watch(self.jobs[job_id], e)

    def flush(self) -> None:
        """Loose events ride with a commit; where nothing else is written, other processes see them by this."""
        if self.scribe is not None:
            self.scribe.flush()

    async def record(self, job_id: JobId, *events: AnyEvent) -> Position:
        """In between the job may only be ahead of the ledger, never beside it: if the commit fails the whole shard falls, and
        folds again. Several events are committed together or not at all."""
        assert self.scribe is not None
        entries: list[Entry] = []
        before = self.jobs[job_id]
        for e in events:
            job = self.jobs[job_id]
            g = grade(e, job.phase, job.synchronous)
            job = self.jobs[job_id] = apply(job, e)
            self._watch(job, e)
            entries.append(Entry(job_id, job.seq, e, loose=g == "loose"))
        job = self.jobs[job_id]
        if all(e.loose for e in entries):
            if isinstance(events[-1], Retried) or not job.synchronous:
                self.scribe.note(entries[-1])
            return 0
        hands = self._hands[job.stream]
        pieces = newly_born(job, list(hands.pieces(job)), self.jobs) if job.phase == "split" != before.phase else []
        done = hands.closed(job) if rests(job) else None
        kept = [e for e in entries if not e.loose] + [Entry(i, 1, e) for i, e in pieces]
        position = await self.scribe.write(kept, [done] if done else [])
        self.position = max(self.position, position)
        self._born(pieces)
        if done is not None:
            self.states[job.stream] = done.state
            if not hands.tools.lends:
                self._ports.destination.checkpoint(job.stream, done.state, position)
        for name in left_over(before, job):
            await self._ports.spool.drop(name)
        return position
