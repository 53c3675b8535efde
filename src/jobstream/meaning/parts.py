"""Parts stored, lost, delivered, recalled; and what a failed download means."""

from __future__ import annotations

from jobstream.jobs.event import (
    AnyEvent,
    AttemptEnded,
    Counts,
    Fault,
    PartDelivered,
    PartLost,
    PartStored,
    Phase,
    Recalled,
    Stored,
)
from jobstream.jobs.job import Job
from jobstream.meaning.case import Case
from jobstream.meaning.ending import ended
from jobstream.meaning.judge import RuleFault, judge
from jobstream.meaning.listing import finish
from jobstream.meaning.read import Broken, Result, scope_of
from jobstream.plan.notes import Json


def next_part(job: Job, target: int) -> int:
    t = job.targets[target]
    return t.delivered + len(t.stored)


def part_stored(c: Case, target: int, stored: Stored, next_: Json) -> PartStored:
    assert stored.part == next_part(c.job, target)
    return PartStored(at=c.now, to="fetching", target=target, stored=stored, next=next_, complete=next_ is None)


def part_lost(c: Case, target: int) -> AnyEvent:
    """Rows that were in an answer cannot be asked for again."""
    if c.job.targets[target].key == "here":
        return ended(c, "failed", Fault(code="spool.lost"))
    return PartLost(at=c.now, to="fetching", target=target)


def part_delivered(c: Case, target: int, counts: Counts, receipt: str, seen: Json = None) -> PartDelivered:
    """The last part of the last target ends the job, or lets the remote one be deleted."""
    t = c.job.targets[target]
    last = t.complete and len(t.stored) == 1 and c.job.targets.open == 1
    to: Phase = finish(c, c.tools.lends) if last else "fetching"
    return PartDelivered(at=c.now, to=to, target=target, part=t.delivered, counts=counts, kept=t.kept + counts.kept,
                         seen=seen, receipt=receipt, lent=c.tools.lends)  # fmt: skip


def recalled(c: Case, first: dict[str, int]) -> Recalled:
    """first: by target, the first part that the state handed back to us does not know."""
    job = c.job
    to: Phase = job.phase
    if to == "lent":
        back = any(s.part >= first.get(str(i), t.delivered) for i, t in enumerate(job.targets) for s in t.lent)
        to = "fetching" if back else "deleting" if c.plan.delete and job.made else "done"
    return Recalled(at=c.now, to=to, first=first, wake_at=job.wake_at)


def may_wait(c: Case, result: Result) -> bool:
    """The same request again, and nothing else: this target is set aside, its siblings go on."""
    ex = c.plan.fetch.exchange
    if ex is None or isinstance(result, Broken):
        return False
    try:
        return judge(ex, result, scope_of(c.job, c.tools), c.tools).verdict == "retry"
    except RuleFault:
        return False


def reread(c: Case) -> AttemptEnded:
    """A synchronous slice whose reading was broken off: its pages are not stable, so it is read again as a whole."""
    then: Phase = "fetching"
    to: Phase = "retracting" if c.tools.retracts else then
    return AttemptEnded(at=c.now, to=to, then=then, outcome="failed", fault=Fault(code="slice.broken"))
