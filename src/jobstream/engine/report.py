"""Numbers of a run, while it runs and when it has ended. Counters come from events; what a job says itself is read when asked."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from jobstream.jobs.event import (
    AnyEvent,
    AttemptEnded,
    CreateSent,
    Fault,
    PartDelivered,
    PartStored,
    Passed,
    Phase,
    Planned,
    Retried,
    Slice,
    StatusSeen,
)
from jobstream.jobs.job import Job
from jobstream.ports import JobId, Spending

FAULTS = 100  # different ones that are kept for a stream; beyond it they are only counted


class Told(Struct):
    """A fault and how often it was met. job: the first that met it. ended: it ended an attempt, and was not only tried again."""

    code: str
    at: str
    say: str
    seen: str
    job: JobId
    n: int = 0
    ended: int = 0


class StreamReport(Struct):
    """Of one stream in this process. read = kept + filtered + bad.

    jobs         by phase · lives: of them, those that still run or wait
    creates      requests that may have made a remote job · doubtful: those whose job may run beside the one that was used
    bytes        raw, stored · kept_before: records that an earlier process of the same run delivered ·
                 taken_back: records, of both, whose attempt or slice failed: they are no longer with the destination
    orphans      remote jobs that could not be aborted or deleted · unsure: jobs whose create is in doubt
    remote       seconds from creation to completion, over all jobs · spent: seconds by what was done
    first, last  when something happened, epoch seconds
    """

    stream: str
    jobs: dict[Phase, int] = {}
    lives: int = 0
    taken_over: int = 0
    creates: int = 0
    doubtful: int = 0
    attempts: int = 0
    polls: int = 0
    retries: int = 0
    bytes: int = 0
    parts: int = 0
    read: int = 0
    kept: int = 0
    filtered: int = 0
    bad: int = 0
    fell_to_rows: int = 0
    fitted: int = 0
    kept_before: int = 0
    taken_back: int = 0
    targets: int = 0
    targets_open: int = 0
    orphans: int = 0
    unsure: int = 0
    partial: int = 0
    remote: float = 0.0
    first: float = 0.0
    last: float = 0.0
    spent: dict[str, float] = {}
    faults: list[Told] = []
    more_faults: int = 0


class JobLine(Struct, frozen=True):
    """One job for the live view. next: when something is owed, epoch seconds; 0 now."""

    id: JobId
    stream: str
    slice: Slice
    phase: Phase
    text: str
    progress: str
    born: float
    attempt: int
    polls: int
    next: float
    bytes: int
    records: int
    targets: int
    targets_open: int
    fault: Fault | None


_MOVING: tuple[Phase, ...] = ("fetching", "locating", "deleting", "aborting", "retracting", "creating", "starting", "running")


class Report:
    """`watch` and `took` are given to the shard, `spent` to the ports."""

    def __init__(self, streams: Iterable[str] = ()) -> None:
        self._of = {s: StreamReport(s) for s in streams}
        self._faults: dict[tuple[str, str, str], Told] = {}
        self._born: dict[JobId, float] = {}
        self._bytes: Counter[JobId] = Counter()
        self._kept: Counter[JobId] = Counter()  # of the attempt
        self._lock = threading.Lock()

    def took(self, job: Job) -> None:
        """A job of an earlier process, as it was found."""
        r = self._stream(job.stream)
        r.taken_over += not job.over
        before = sum(t.kept for t in job.targets)
        r.kept_before += before
        self._kept[job.id] = before
        self._born[job.id] = job.sent_at

    def watch(self, job: Job, e: AnyEvent) -> None:
        r = self._stream(job.stream)
        r.first, r.last = r.first or e.at, max(r.last, e.at)
        match e:
            case Planned():
                self._born[job.id] = e.at
            case CreateSent():
                r.creates += 1
            case StatusSeen():
                r.polls += 1
                r.remote += e.at - job.sent_at if job.sent_at and e.status != "running" else 0.0
            case PartStored():
                n = sum(e.stored.lengths)
                r.bytes += n
                self._bytes[job.id] += n
            case PartDelivered():
                self._delivered(r, e)
                self._kept[job.id] += e.counts.kept
            case Passed(step="retract"):
                r.taken_back += self._kept.pop(job.id, 0)
            case Retried() if e.verdict not in ("busy", "running", "accept"):
                r.retries += 1
            case AttemptEnded():
                r.attempts += 1
                r.doubtful += e.orphan and e.fault is not None and e.fault.code == "create.in_doubt"
        fault = e.fault if isinstance(e, Retried | AttemptEnded | Passed | StatusSeen) else None
        if fault is not None:
            self._met(r, job.id, fault, not isinstance(e, Retried))

    def _delivered(self, r: StreamReport, e: PartDelivered) -> None:
        r.parts += 1
        r.read += e.counts.read
        r.kept += e.counts.kept
        r.filtered += e.counts.filtered
        r.bad += e.counts.bad
        r.fell_to_rows += e.counts.fell_to_rows
        r.fitted += e.counts.fitted

    def _met(self, r: StreamReport, job: JobId, fault: Fault, ended: bool) -> None:
        key = (r.stream, fault.code, fault.at)
        told = self._faults.get(key)
        if told is None:
            if len(r.faults) >= FAULTS:
                r.more_faults += 1
                return
            told = self._faults[key] = Told(fault.code, fault.at, fault.say, fault.seen, job)
            r.faults.append(told)
        told.n += 1
        told.ended += ended

    def spent(self, stream: str, what: Spending, seconds: float) -> None:
        """Also from threads."""
        with self._lock:
            by = self._stream(stream).spent
            by[what] = by.get(what, 0.0) + seconds

    def streams(self, jobs: Mapping[JobId, Job]) -> dict[str, StreamReport]:
        """The numbers now. One pass over the jobs."""
        for r in self._of.values():
            r.jobs = {}
            r.lives = r.targets = r.targets_open = r.orphans = r.unsure = r.partial = 0
        for job in jobs.values():
            r = self._stream(job.stream)
            r.jobs[job.phase] = r.jobs.get(job.phase, 0) + 1
            r.lives += not job.over
            r.targets += len(job.targets)
            r.targets_open += job.targets.open
            r.orphans += job.orphans
            r.unsure += job.unsure or job.phase == "parked"
            r.partial += job.partial
        return self._of

    def lines(self, jobs: Mapping[JobId, Job], most: int = 20) -> list[JobLine]:
        """Jobs that are under way, those that move first; the newest of equals first."""
        live = [j for j in jobs.values() if not j.over]
        order: dict[Phase, int] = {phase: n for n, phase in enumerate(_MOVING)}
        live.sort(key=lambda j: (order.get(j.phase, len(order)), -self._born.get(j.id, 0.0)))
        return [JobLine(j.id, j.stream, j.slice, j.phase, j.text, j.progress, self._born.get(j.id, 0.0), j.attempt, j.polls, j.wake_at,
                        self._bytes[j.id], sum(t.kept for t in j.targets), len(j.targets), j.targets.open, j.fault)
                for j in live[:most]]  # fmt: skip

    def _stream(self, name: str) -> StreamReport:
        if name not in self._of:
            self._of[name] = StreamReport(name)
        return self._of[name]
