"""The ledger for people: jobs, their history, orphans, runs, stored plans. Needs no engine, and works beside a running process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct, structs

from jobstream.errors import UsageError
from jobstream.jobs.event import AnyEvent, Created, CreateSent, Fault, Phase, Planned, Slice
from jobstream.jobs.job import Job, apply
from jobstream.ledger.schema import opened
from jobstream.ledger.seal import NoSeal, Seal
from jobstream.ledger.sqlite import DECODER, place
from jobstream.plan.notes import Json
from jobstream.ports import JobId

What: TypeAlias = Literal["cancel", "found", "not_made"]
JOBS = """SELECT e.job, e.seq, e.at, e.body, j.shard, j.wake_at, j.moved, j.hint_seq, j.hint FROM event e JOIN job j ON j.id = e.job
  WHERE {where} ORDER BY e.job, e.seq"""

OLD = "SELECT id FROM job WHERE phase IN (SELECT phase FROM ending) AND moved < ?"
EMPTY_RUNS = """DELETE FROM run WHERE ended IS NOT NULL AND ended < ?
  AND NOT EXISTS (SELECT 1 FROM job WHERE substr(job.id, 1, length(run.id) + 1) = run.id || '.')"""


class Happened(Struct, frozen=True):
    """One event of a job. loose: overwritten by the next one of its kind."""

    seq: int
    at: float
    event: AnyEvent
    loose: bool = False


class Seen(Struct, frozen=True):
    """A job as a list shows it. Answers and links are not in it.

    source   the shard it belongs to · run: the run that made it
    api_id   the API's own id, as far as it is known · sent: when the last create left
    orphans  remote jobs that could not be aborted or deleted · unsure: a create without an answer lies behind it
    """

    id: str
    source: str
    run: str
    stream: str
    slice: Slice
    phase: Phase
    attempt: int
    polls: int
    text: str
    progress: str
    api_id: Json
    born: float
    moved: float
    wake_at: float
    sent: float
    targets: int
    open: int
    records: int
    asked: str
    cancel: bool
    unsure: bool
    orphans: int
    partial: bool
    over: bool
    fault: Fault | None = None


class Story(NamedTuple):
    seen: Seen
    job: Job
    events: list[Happened]


class Pruned(NamedTuple):
    """How much was taken out."""

    jobs: int
    events: int
    runs: int


class Shelf:
    """path: of the ledger. Values come unsealed: whoever shows them redacts."""

    def __init__(self, path: str, seal: Seal | None = None) -> None:
        self._db, self._seal = opened(path), seal or NoSeal()

    def close(self) -> None:
        self._db.close()

    def jobs(self, *, source: str = "", stream: str = "", phases: Iterable[Phase] = (), live: bool = False) -> list[Seen]:
        """Newest last."""
        where, args = ["1"], list[Any]()
        for column, value in (("j.shard", source), ("j.stream", stream)):
            if value:
                where.append(f"{column} = ?")
                args.append(value)
        if chosen := tuple(phases):
            where.append(f"j.phase IN ({', '.join('?' * len(chosen))})")
            args += chosen
        if live:
            where.append("j.phase NOT IN (SELECT phase FROM ending)")
        return sorted((s.seen for s in self._stories(" AND ".join(where), args)), key=lambda s: (s.born, s.id))

    def job(self, job: JobId) -> Story:
        """One job, by its id or a piece of it that only it has. Raises UsageError."""
        rows = self._db.execute("SELECT id FROM job WHERE ? <> '' AND instr(id, ?) > 0 LIMIT 3", (job, job)).fetchall()
        ids = [i for (i,) in rows]
        if job in ids:
            ids = [job]
        if len(ids) != 1:
            raise UsageError(
                f"{'several' if ids else 'no'} jobs have {job!r} in their id", hint="jobstream jobs list shows them all"
            )
        return next(self._stories("j.id = ?", ids))

    def orphans(self, *, source: str = "") -> list[Seen]:
        """Jobs that may have left a remote job behind: aborts that failed, creates without an answer, parked ones."""
        return [s for s in self.jobs(source=source) if s.orphans or s.unsure or s.phase == "parked"]

    def ask(self, job: JobId, what: What, by: str, value: Json = None) -> bool:
        """Of the owner of the job, whoever that is now or will be. found: the API's id of a parked create. False: it has ended.
        Raises UsageError."""
        story = self.job(job)
        if story.seen.over:
            return False
        if what != "cancel" and story.seen.phase != "parked":
            raise UsageError(
                f"job {story.seen.id} is {story.seen.phase}, not parked", hint="only a parked job waits for a person"
            )
        row = (story.seen.id, what, by, msgspec.json.encode(value))
        self._db.execute("INSERT OR REPLACE INTO request (job, what, by, value) VALUES (?, ?, ?, ?)", row)
        return True

    def prune(self, before: float) -> Pruned:
        """Takes out jobs that ended before that instant (epoch seconds), and runs that have none left. Orphans stay."""
        keep = {s.id for s in self.orphans()}
        self._db.execute("BEGIN IMMEDIATE")
        try:
            gone = [(i,) for (i,) in self._db.execute(OLD, (before,)) if i not in keep]
            events = self._db.executemany("DELETE FROM event WHERE job = ?", gone).rowcount
            self._db.executemany("DELETE FROM request WHERE job = ?", gone)
            self._db.executemany("DELETE FROM job WHERE id = ?", gone)
            runs = self._db.execute(EMPTY_RUNS, (before,)).rowcount
            self._db.execute("DELETE FROM plan WHERE fingerprint NOT IN (SELECT plan FROM run)")
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        return Pruned(len(gone), max(events, 0), runs)

    def spooled(self) -> set[JobId]:
        """Ids of jobs whose bytes in the spool may still be needed."""
        return {i for (i,) in self._db.execute("SELECT id FROM job WHERE phase NOT IN (SELECT phase FROM ending)")}

    def _stories(self, where: str, args: list[Any]) -> Iterator[Story]:
        rows: list[tuple[Any, ...]] = []
        with closing(self._db.execute(JOBS.format(where=where), args)) as found:
            for row in found:
                if rows and rows[0][0] != row[0]:
                    yield self._story(rows)
                    rows = []
                rows.append(row)
        if rows:
            yield self._story(rows)

    def _story(self, rows: list[tuple[Any, ...]]) -> Story:
        job_id, *_, shard, wake_at, moved, hint_seq, hint = rows[0]
        events = [Happened(seq, at, DECODER.decode(self._seal.open(body, place(job_id, seq)))) for _, seq, at, body, *_ in rows]
        if hint is not None and hint_seq > events[-1].seq:
            loose = DECODER.decode(hint)
            events.append(Happened(hint_seq, loose.at, loose, loose=True))
        job: Job | None = None
        known: Json = None
        for e in events:
            job = structs.replace(apply(job, e.event, job_id), seq=e.seq)
            known = e.event.api_id if isinstance(e.event, Created) else known
        assert job is not None
        return Story(_seen(job, events, shard, wake_at, moved, known), job, events)


def _seen(job: Job, events: list[Happened], shard: str, wake_at: float, moved: float, api_id: Json) -> Seen:
    first = events[0].event
    assert isinstance(first, Planned)
    sent = max((e.at for e in events if isinstance(e.event, CreateSent)), default=0.0)
    return Seen(
        id=job.id, source=shard, run=job.id.rpartition(".")[0], stream=job.stream, slice=job.slice, phase=job.phase,
        attempt=job.attempt, polls=job.polls, text=job.text, progress=job.progress, api_id=api_id, born=first.at, moved=moved,
        wake_at=wake_at, sent=sent, targets=len(job.targets), open=job.targets.open, records=sum(t.kept for t in job.targets),
        asked=job.asked, cancel=job.cancel, unsure=job.unsure, orphans=job.orphans, partial=job.partial, over=job.over,
        fault=job.fault)  # fmt: skip
