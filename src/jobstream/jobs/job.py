"""THE HEART: what the events add up to. No clock, no network, no disk, no chance, no plan.

command = decide(job, now)                           what is owed next
result  = <the engine performs it>                   the only impure step
events  = conclude(plan, job, command, result, now)  what it meant: every policy, applied once (meaning/)
job     = apply(job, event)                          history; knows no policy, so old ledgers fold the same for ever
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct, structs

from jobstream.jobs.event import (
    Answer,
    AnyEvent,
    AttemptEnded,
    CancelAsked,
    Created,
    CreateSent,
    Fault,
    Located,
    PartDelivered,
    PartLost,
    PartStored,
    Passed,
    Phase,
    Planned,
    Recalled,
    Retried,
    Slice,
    StatusSeen,
    Target,
)  # fmt: skip
from jobstream.jobs.table import ENDS, STARTS, TABLE
from jobstream.plan.notes import Json
from jobstream.plan.retrieval import Doubt, Status

CHUNK = 64


class Targets(Struct, frozen=True):
    """The targets of an attempt and their progress: a persistent vector, so that 5,000 targets fold in 5,000 steps.

    open: how many are not done · parts: receipts so far, all targets"""

    chunks: tuple[tuple[Target, ...], ...] = ()
    open: int = 0
    parts: int = 0

    def __len__(self) -> int:
        return CHUNK * (len(self.chunks) - 1) + len(self.chunks[-1]) if self.chunks else 0

    def __getitem__(self, i: int) -> Target:
        return self.chunks[i // CHUNK][i % CHUNK]

    def __iter__(self) -> Iterator[Target]:
        return (t for chunk in self.chunks for t in chunk)

    def put(self, i: int, t: Target) -> Targets:
        a, b = divmod(i, CHUNK)
        old, chunk = self.chunks[a][b], self.chunks[a]
        chunk = (*chunk[:b], t, *chunk[b + 1 :])
        return Targets((*self.chunks[:a], chunk, *self.chunks[a + 1 :]), self.open + old.done - t.done,
                       self.parts + t.delivered - old.delivered)  # fmt: skip

    @staticmethod
    def of(ts: Iterable[Target]) -> Targets:
        every = tuple(ts)
        chunks = tuple(every[i : i + CHUNK] for i in range(0, len(every), CHUNK))
        return Targets(chunks, sum(not t.done for t in every), sum(t.delivered for t in every))


class Job(Struct, frozen=True):
    """attempt, polls, retries: three words, three counters. The last three in a row: waits for a slot, relists."""

    id: str
    stream: str
    slice: Slice
    key: str
    phase: Phase
    asked: str = ""
    n: int = 0  # place in a chain
    wake_at: float = 0.0
    seq: int = 1  # events folded
    attempt: int = 1
    polls: int = 0
    retries: int = 0
    waits: int = 0
    since: float = 0.0
    relists: int = 0
    resumes: int = 0
    synchronous: bool = False
    made: bool = False
    unsure: bool = False  # a create without an answer lies behind us
    cancel: bool = False
    doubt: Doubt = "again"
    then: Phase = "failed"
    api_id: Json = None
    api_key: str = ""  # idempotency key of this attempt
    passed: Answer | None = None
    created: Answer | None = None
    polled: Answer | None = None
    located: Answer | None = None
    sent_at: float = 0.0
    moved_at: float = 0.0  # progress last changed
    deadline: float | None = None
    status: Status | None = None
    text: str = ""
    progress: str = ""
    targets: Targets = Targets()
    touched: bool = False  # a part of this attempt may be with the destination
    begun: bool = False  # also of one that delivers only when all is stored: it was, and then something was lost
    page: Json = None  # of the list of targets
    until: float | None = None  # the links die
    fault: Fault | None = None
    orphans: int = 0  # remote jobs we could not abort or delete
    children: tuple[Slice, ...] = ()
    halt: bool = False

    @property
    def over(self) -> bool:
        return self.phase in ENDS

    @property
    def answers(self) -> tuple[str, ...]:
        """Names in the spool of answers that templates may still ask for."""
        every = (self.passed, self.created, self.polled, self.located)
        return tuple(a.spooled for a in every if a is not None and a.spooled)

    @property
    def partial(self) -> bool:
        return self.phase == "done" and self.status in ("failed", "timed_out")


class IllegalTransition(Exception):
    """Defect: phase and event do not meet in TABLE."""


New = dict[str, Any]


def apply(job: Job | None, e: AnyEvent, job_id: str = "") -> Job:
    """The job after `e`. Total over TABLE, IllegalTransition elsewhere."""
    phase = None if job is None else job.phase
    if e.to not in TABLE.get((phase, type(e)), ()):
        raise IllegalTransition(f"{phase} --{type(e).__name__}--> {e.to}")
    if job is None:
        assert isinstance(e, Planned)
        return _born(job_id, e)
    new: New = {"phase": e.to, "wake_at": e.wake_at, "seq": job.seq + 1} | _APPLY[type(e)](job, e)
    if e.to != job.phase:
        new.setdefault("n", 0)
        if job.phase in ("aborting", "retracting") and e.to in STARTS:
            new |= _again(job, e.to)
        if e.to in ENDS:  # nothing is asked any more: ten thousand ended jobs hold no answers
            new |= {"passed": None, "created": None, "polled": None, "located": None}
    return structs.replace(job, **new)


def _born(job_id: str, e: Planned) -> Job:
    return Job(id=job_id, stream=e.stream, slice=e.slice, key=e.key, asked=e.asked, phase=e.to, wake_at=e.wake_at,
               targets=Targets.of(e.targets), synchronous=e.to == "fetching", moved_at=e.at)  # fmt: skip


def _again(job: Job, to: Phase) -> New:
    """A new attempt: everything that was learnt of the old one is forgotten."""
    targets = Targets.of((Target(key="0"),)) if to == "fetching" else Targets()
    return {"attempt": job.attempt + 1, "targets": targets, "created": None, "polled": None, "located": None, "api_id": None,
            "api_key": "", "deadline": None, "status": None, "text": "", "progress": "", "until": None, "page": None,
            "polls": 0, "retries": 0, "relists": 0, "resumes": 0, "waits": 0, "since": 0.0, "made": False, "unsure": False,
            "touched": False, "begun": False, "n": 0}  # fmt: skip


def _passed(job: Job, e: Passed) -> New:
    new: New = {"retries": 0, "waits": 0, "since": 0.0}
    if e.to == job.phase:
        new["n"] = e.n
    if e.answer is not None and e.step in ("before", "start"):
        new["passed"] = e.answer
    if e.fault is not None:
        new["orphans"] = job.orphans + 1
    return new


def _create_sent(job: Job, e: CreateSent) -> New:
    return {"doubt": e.doubt, "api_key": e.key, "sent_at": e.at, "moved_at": e.at, "unsure": job.phase == "creating"}


def _created(job: Job, e: Created) -> New:
    return {"created": e.answer, "api_id": e.api_id, "made": e.made, "deadline": e.deadline, "waits": 0, "since": 0.0,
            "retries": 0, "unsure": False, "fault": None}  # fmt: skip


def _status_seen(job: Job, e: StatusSeen) -> New:
    new: New = {"status": e.status, "text": e.text, "polls": e.polls, "retries": 0, "fault": e.fault}
    if e.status == "skipped":
        new["then"] = "skipped"
    if e.progress != job.progress:
        new |= {"progress": e.progress, "moved_at": e.at}
    if e.answer is not None:
        new["polled"] = e.answer
    return new


def _located(job: Job, e: Located) -> New:
    known = {t.key: i for i, t in enumerate(job.targets)} if len(job.targets) else {}
    every = list(job.targets)
    for t in e.targets:
        i = known.get(t.key)
        if i is None:
            every.append(t)
        else:
            every[i] = structs.replace(every[i], value=t.value)
    return {"targets": Targets.of(every), "located": e.answer, "until": e.until, "page": e.page, "fault": None, "retries": 0}


def _part_stored(job: Job, e: PartStored) -> New:
    t = job.targets[e.target]
    t = structs.replace(t, stored=(*t.stored, e.stored), next=e.next, complete=e.complete)
    return {"targets": job.targets.put(e.target, t), "retries": 0, "touched": True}


def _part_lost(job: Job, e: PartLost) -> New:
    t = job.targets[e.target]
    lost = structs.replace(t, stored=(), next=t.stored[0].token, complete=False)
    return {"targets": job.targets.put(e.target, lost), "begun": job.begun or all(t.complete for t in job.targets)}


def _part_delivered(job: Job, e: PartDelivered) -> New:
    t = job.targets[e.target]
    first = t.stored[:1]  # empty where the loose PartStored of a synchronous slice was lost
    t = structs.replace(t, stored=t.stored[1:], delivered=e.part + 1, kept=e.kept, seen=e.seen,
                        lent=(*t.lent, *first) if e.lent else ())  # fmt: skip
    return {"targets": job.targets.put(e.target, t), "relists": 0, "retries": 0, "touched": True}


def _recalled(job: Job, e: Recalled) -> New:
    """The very bytes that were lent are delivered again, under the same numbers; the rest is kept from now on."""
    every = list(job.targets)
    for i, t in enumerate(every):
        first = e.first.get(str(i), t.delivered)
        back = tuple(s for s in t.lent if s.part >= first)
        if back or t.lent:
            every[i] = structs.replace(t, lent=(), stored=(*back, *t.stored), delivered=t.delivered - len(back))
    return {"targets": Targets.of(every)}


def _retried(job: Job, e: Retried) -> New:
    new: New = {"fault": e.fault, "retries": e.retries, "waits": e.waits, "since": e.since, "relists": e.relists,
                "resumes": max(job.resumes, e.resumes)}  # fmt: skip
    if e.to == "locating" and job.phase == "fetching":
        new["page"] = None
    if e.verdict == "doubt" and job.phase == "creating":
        new["unsure"] = True
    if e.to == "planned" and job.phase == "creating":
        new["unsure"] = False
    return new


def _attempt_ended(job: Job, e: AttemptEnded) -> New:
    new: New = {"fault": e.fault, "then": e.then, "children": e.children, "halt": e.halt,
                "orphans": job.orphans + e.orphan}  # fmt: skip
    return new | _again(job, e.to) if e.to in STARTS else new


def _cancel_asked(job: Job, e: CancelAsked) -> New:
    return {"cancel": True, "wake_at": job.wake_at}


_APPLY: dict[type[AnyEvent], Callable[[Job, Any], New]] = {
    Passed: _passed, CreateSent: _create_sent, Created: _created, StatusSeen: _status_seen, Located: _located,
    PartStored: _part_stored, PartLost: _part_lost, PartDelivered: _part_delivered, Recalled: _recalled, Retried: _retried,
    AttemptEnded: _attempt_ended, CancelAsked: _cancel_asked,
}  # fmt: skip


def fold(job_id: str, rows: Iterable[tuple[int, AnyEvent]]) -> Job:
    """Rows of (seq, event), in order. Gaps are lawful: loose events may be missing."""
    job: Job | None = None
    for seq, e in rows:
        job = structs.replace(apply(job, e, job_id), seq=seq)
    assert job is not None
    return job
