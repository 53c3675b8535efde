"""How an attempt ends, and what is owed on the way out: abort, retract, a new attempt, a person."""

from __future__ import annotations

import msgspec

from jobstream.jobs.command import Send
from jobstream.jobs.event import (
    Answer,
    AnyEvent,
    AttemptEnded,
    CancelAsked,
    Created,
    Fault,
    Outcome,
    Passed,
    Phase,
    Retried,
    Slice,
)  # fmt: skip
from jobstream.jobs.job import Job
from jobstream.jobs.table import STARTS
from jobstream.meaning.case import Case, begins
from jobstream.meaning.read import kept
from jobstream.meaning.wait import FLOOR, pause
from jobstream.plan.exchange import Read
from jobstream.plan.notes import Json
from jobstream.plan.retrieval import Retrieval

_LIVE_REMOTELY = ("starting", "running")


def may_repeat(c: Case) -> bool:
    """A new attempt is other bytes: only if no part of this one is with a destination that cannot give it back."""
    job, fetch = c.job, c.plan.fetch
    if c.tools.retracts or not job.touched:
        return True
    if c.tools.lends:
        return job.targets.parts == 0
    return fetch.deliver == "whole" and not job.begun and any(not t.complete for t in job.targets)


def will_repeat(c: Case) -> bool:
    return not c.job.cancel and c.job.attempt < c.plan.policy.attempts and may_repeat(c)


def ended(c: Case, outcome: Outcome, why: Fault, *, final: bool = False, children: tuple[Slice, ...] = (),
          halt: bool = False, orphan: bool = False, over: bool = False) -> AttemptEnded:  # fmt: skip
    """over: the API itself says that the remote job has ended."""
    job, plan = c.job, c.plan
    again = not final and outcome in ("failed", "timed_out") and will_repeat(c)
    then: Phase = begins(plan) if again else "cancelled" if job.cancel and outcome != "skipped" else outcome
    gone: Outcome = "cancelled" if then == "cancelled" else outcome
    alive = job.phase in _LIVE_REMOTELY and job.made and (halt or gone in plan.policy.abort_on)
    leave: Phase = "retracting" if job.touched and c.tools.retracts else then
    to: Phase = "aborting" if alive and plan.abort else leave
    left = orphan or (alive and not plan.abort and not over)
    return AttemptEnded(at=c.now, to=to, then=then, outcome=outcome, fault=why, halt=halt, children=children, orphan=left,
                        wake_at=cool_down(c, to))  # fmt: skip


def cool_down(c: Case, to: Phase) -> float:
    if to not in STARTS:
        return 0.0
    return c.now + pause(c.plan.policy.attempt_waits, c.job.attempt - 1, None, c.now, c.job.id)


def passed(c: Case, cmd: Send, answer: Answer | None, fault: Fault | None) -> Passed:
    """The next link of a chain, or what comes after it."""
    n, plan, job = cmd.n + 1, c.plan, c.job
    match cmd.step:
        case "before":
            to: Phase = "preparing" if n < len(plan.before) else "planned"
            return Passed(at=c.now, to=to, step="before", n=n, answer=answer and kept(answer))
        case "start":
            more = n < len(plan.start)
            wake = 0.0 if more or plan.poll is None else c.now + plan.poll.first
            return Passed(at=c.now, to="starting" if more else "running", step="start", n=n, answer=answer and kept(answer),
                          wake_at=wake)  # fmt: skip
        case "abort":
            to = "aborting" if n < len(plan.abort) else job.then  # nothing is stored before a job has completed
            return Passed(at=c.now, to=to, step="abort", n=n, fault=fault, wake_at=cool_down(c, to))
    assert cmd.step == "delete", cmd.step
    end: Phase = "skipped" if job.then == "skipped" else "done"
    return Passed(at=c.now, to="deleting" if n < len(plan.delete) else end, step="delete", n=n, fault=fault)


def retracted(c: Case) -> Passed:
    return Passed(at=c.now, to=c.job.then, step="retract", wake_at=cool_down(c, c.job.then))


def exhausted(c: Case, cmd: Send, to: Phase, why: Fault) -> AnyEvent:
    """The same request has failed too often. A failed poll is not a failed job: only the deadline ends the polling."""
    job, plan = c.job, c.plan
    match cmd.step:
        case "abort" | "delete":
            return passed(c, cmd, None, why)
        case "poll" | "locate" if plan.poll is not None and job.deadline is not None and c.now < job.deadline:
            slow = max(FLOOR, pause(plan.poll.waits[-1:], 99, None, c.now, job.id))
            return Retried(at=c.now, to=job.phase, step=cmd.step, verdict="retry", fault=why, retries=job.retries,
                           relists=job.relists, wake_at=c.now + slow)  # fmt: skip
        case "create" | "lookup" if to == "creating":
            return in_doubt_for_good(c, why)
        case _:
            final = job.phase in ("planned", "preparing")
            return ended(c, "timed_out" if cmd.step == "poll" else "failed", why, final=final)


def in_doubt_for_good(c: Case, why: Fault) -> AttemptEnded:
    """again: a new attempt (it is in the ledger that one may be orphaned) · else a person decides."""
    fault = Fault(code="create.in_doubt", say=why.say, seen=why.seen, at=why.at)
    if c.job.cancel:
        return ended(c, "cancelled", fault, final=True, orphan=True)
    if c.job.doubt == "again":
        return ended(c, "failed", fault, orphan=True)
    return ended(c, "parked", fault, final=True)


def quit_job(c: Case) -> AttemptEnded:
    """Cancel was asked and nothing is in flight."""
    return ended(c, "cancelled", Fault(code="job.cancelled"), final=True, orphan=c.job.phase == "parked")


def cancel(job: Job, now: float, by: str) -> CancelAsked | None:
    return None if job.over or job.cancel else CancelAsked(at=now, to=job.phase, by=by)


def _as_created(plan: Retrieval, found: Json) -> Answer:
    """A creation answer that has the id where the plan's templates look for it."""
    lists = plan.lookup.rules if plan.lookup is not None else ()
    into = next((r.into for rules in lists for r in rules if r.into), "")
    path = (into,) if into else plan.job_id.path if isinstance(plan.job_id, Read) and plan.job_id.at == "body" else ()
    body = found
    for key in reversed(path):
        body = {key: body}
    return Answer(code=200, body=msgspec.json.encode(body))


def resolve(c: Case, found: Json) -> AnyEvent:
    """A person has looked after a parked create: the id that was found, or None: it was not made."""
    if found is None:
        again = c.job.attempt < c.plan.policy.attempts
        return AttemptEnded(at=c.now, to="planned" if again else "failed", then="failed", outcome="failed",
                            fault=Fault(code="create.not_made"))  # fmt: skip
    limit = c.plan.poll.deadline if c.plan.poll else None
    return Created(at=c.now, to="starting" if c.plan.start else "running", api_id=found, answer=_as_created(c.plan, found), deadline=None if limit is None else c.now + limit)  # fmt: skip
