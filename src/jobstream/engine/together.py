"""Many polls in one request: gathered while they fall due, taken apart into one answer for each job."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from jobstream.engine.exchange import Caller, Signed
from jobstream.jobs.command import Send
from jobstream.jobs.event import Answer
from jobstream.jobs.job import Job
from jobstream.meaning.judge import judge
from jobstream.meaning.read import Answered, Result, Tools, found, pick, scope_of, through
from jobstream.plan.notes import Json
from jobstream.plan.retrieval import Together
from jobstream.plan.stream import StreamPlan
from jobstream.ports import Clock, JobId

POLL = Send("poll")


class Got(NamedTuple):
    """failed: the batch as a whole; its own waits and budget count."""

    result: Result
    failed: bool = False


class Batched:
    """Polls of one stream that wait for each other."""

    def __init__(self) -> None:
        self.waiting: list[JobId] = []
        self.most, self._within, self._stream = 1, 0.0, ""

    @property
    def full(self) -> bool:
        return len(self.waiting) >= self.most

    def take(self, job: Job, plan: StreamPlan) -> bool:
        """False: this job is polled by itself (or another stream's batch must go first)."""
        together = plan.retrieval.poll.together if plan.retrieval.poll else None
        if together is None or (self.waiting and self._stream != plan.name):
            return False
        self.most, self._within, self._stream = together.most, together.within, plan.name
        self.waiting.append(job.id)
        return True

    def flush(self) -> tuple[list[JobId], float]:
        ids, self.waiting = self.waiting, []
        return ids, self._within

    async def ask(self, caller: Caller, plan: StreamPlan, jobs: list[Job], tools: Tools, clock: Clock) -> list[Got | None]:
        """One result a job; None: poll it singly."""
        poll = plan.retrieval.poll
        assert poll is not None and poll.together is not None
        ex = poll.together.exchange
        ready = await caller.ready(jobs[0], POLL, ex, jobs=[{"id": j.api_id, "key": j.api_key} for j in jobs])
        if not isinstance(ready, Signed):
            return [None] * len(jobs)
        result = await caller.send(jobs[0], POLL, ex, ready)
        verdict = judge(ex, result, scope_of(jobs[0], tools), tools).verdict
        if verdict in ("retry", "throttled", "sign"):
            return [Got(result, failed=True)] * len(jobs)
        if verdict != "accept" or not isinstance(result, Answered):
            return [None] * len(jobs)
        rows = found(poll.together.rows, result.answer)
        answers = [_answer(poll.together, _row(poll.together, rows, n, j), result.answer) for n, j in enumerate(jobs)]
        return [None if a is None else Got(Answered(through(poll.exchange.reading, a))) for a in answers]


def _row(t: Together, rows: list[Json], n: int, job: Job) -> Json:
    if t.key is None:
        return rows[n] if n < len(rows) else None
    return next((r for r in rows if pick(r, t.key) == [job.api_id]), None)


def _answer(t: Together, row: Json, whole: Answer) -> Answer | None:
    if row is None:
        return None
    body = pick(row, t.body) if t.body is not None else [row]
    code = pick(row, t.code) if t.code is not None else [200]
    if not body or not code:
        return None
    raw = body[0].encode() if isinstance(body[0], str) else msgspec.json.encode(body[0])
    return Answer(code=int(code[0]), headers=whole.headers, body=raw, url=whole.url)
