"""What the ledger has of a shard, folded; and what a state that comes back makes owed again."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import structs

from jobstream.jobs.event import Fault, PartDelivered, Planned
from jobstream.jobs.job import Job, apply
from jobstream.ports import JobId, Ledger, Position, Spool, SpoolLost

Lent = list[tuple[Position, PartDelivered]]


class Found(NamedTuple):
    """lent: where each lent part was written."""

    jobs: dict[JobId, Job]
    lent: dict[JobId, Lent]
    position: Position


async def found(ledger: Ledger, shard: str, run: str) -> Found:
    """The live jobs, and all of this run."""
    jobs: dict[JobId, Job] = {}
    lent: dict[JobId, Lent] = {}
    last = 0
    async for e in ledger.read(shard, run):
        jobs[e.job] = structs.replace(apply(jobs.get(e.job), e.event, e.job), seq=e.seq)
        last = max(last, e.position)
        if isinstance(e.event, PartDelivered) and e.event.lent:
            lent.setdefault(e.job, []).append((e.position, e.event))
    return Found(jobs, lent, last)


def uncovered(parts: Lent, given: Position | None) -> dict[str, int]:
    """By target, the first part that the state handed back does not cover."""
    first: dict[str, int] = {}
    for position, e in parts:
        if given is None or position > given:
            first[str(e.target)] = min(e.part, first.get(str(e.target), e.part))
    return first


def spooled(job: Job) -> set[str]:
    """Names in the spool that this job may still need."""
    parts = {s.name for t in job.targets for s in (*t.stored, *t.lent)}
    return parts | set(job.answers)


def lost_answer(job: Job, spool: Spool) -> Fault | None:
    """A long answer that is gone, while templates of the download may read it: another poll brings it back."""
    for name in job.answers:
        try:
            spool.open(name).close()
        except SpoolLost:
            return Fault(code="answer.lost", seen=name)
    return None


def left_over(before: Job, after: Job) -> set[str]:
    """What nobody needs any more: answers that were replaced; everything of an attempt, or a job, that has ended."""
    answers = set(before.answers) - set(after.answers)
    if after.attempt == before.attempt and (before.over or not after.over):
        return answers
    begun = {f"{before.id}/{before.attempt}/{i}/{t.delivered + len(t.stored)}"
             for i, t in enumerate(before.targets) if not t.complete}  # fmt: skip
    return answers | spooled(before) | begun


def newly_born(parent: Job, pieces: list[tuple[JobId, Planned]], jobs: dict[JobId, Job]) -> list[tuple[JobId, Planned]]:
    """The pieces of a split job that nobody works on yet."""
    live = {j.key for j in jobs.values() if not j.over and j.id != parent.id}
    return [(i, e) for i, e in pieces if i not in jobs and e.key not in live]
