"""The pure core alone: any plan, any verdict at any step, a cancel at any time. It never leaves TABLE, always ends, and visits every
cell."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobstream.jobs.command import Bring, Quit, Relist, Rest, Retract, Send, Wait, decide
from jobstream.jobs.event import Answer, AnyEvent, AttemptEnded, Counts, Fault, Phase, Retried, Slice, Stored, Target
from jobstream.jobs.job import IllegalTransition, Job, Targets, apply
from jobstream.jobs.table import GRADE, LIVE, TABLE
from jobstream.meaning.case import Case, plan_job, sent
from jobstream.meaning.conclude import conclude
from jobstream.meaning.ending import cancel, quit_job, resolve, retracted
from jobstream.meaning.listing import relist
from jobstream.meaning.parts import next_part, part_delivered, part_lost, part_stored, recalled, reread
from jobstream.meaning.read import Answered, Broken, Lost, Result, Tools
from jobstream.plan.exchange import Exchange, Paged, Read, Request, Rule, Verdict, When
from jobstream.plan.exchange import Wait as Pause
from jobstream.plan.retrieval import Count, Doubt, Each, Fetch, Here, Listing, One, Policy, Poll, Retrieval, StatusMap

T = TypeVar("T")
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
RULES = tuple(
    Rule(then=v, when=When(codes=(str(900 + i),)), value=Read(("id",)) if v == "adopt" else None)
    for i, v in enumerate(VERDICTS)
)
EX = Exchange(request=Request(url="x"), rules=(RULES,), retries=1, waits=(Pause(first=1.0),))
VISITED: set[tuple[Phase | None, type[AnyEvent], Phase]] = set()
BODY = b'{"id":"r1","status":"ready","n":2,"urls":[{"k":"a"},{"k":"b"}]}'
BODIES = [BODY, BODY, BODY, b'{"id":"r1","status":"pending","n":0}', b'{"id":"r1","status":"empty","urls":[]}', b"null", b"",
          b'{"id":"r1","status":"broken"}', b'{"status":"what"}', BODY.replace(b'"b"', b'"c"'), BODY.replace(b"ready", b"broken")]  # fmt: skip
ODD = range(900, 900 + len(VERDICTS))
LOST: list[Result] = [Lost(sent=True, why="x"), Lost(sent=False, why="x"), Broken(Fault(code="template.failed"))]
NOT_READY: list[Result] = [Lost(sent=False, why="no token"), Broken(Fault(code="template.failed"))]
BAD: list[Result] = [Lost(sent=True, why="x"), Broken(Fault(code="data.csv")),
                     *[Answered(Answer(code=c)) for c in ODD if VERDICTS[c - 900] not in ("accept", "skipped")]]  # fmt: skip
CHAIN: list[tuple[Exchange, ...]] = [(), (), (EX,), (EX, EX)]
STATUS = StatusMap(
    value=Read(("status",)), map={"ready": "completed", "pending": "running", "empty": "skipped", "broken": "failed"}
)
EACH = Each(read=Read(("urls",)), key=Read(("k",)), none="done")
TARGETS: list[tuple[Listing, ...]] = [
    (One(),), (Here(),), (Here(), Count(n=Read(("n",)), first=1)), (EACH, Each(read=Read(("urls",)), on="failed")), (EACH,), (EACH,),
    (msgspec.structs.replace(EACH, lives=5.0),), (msgspec.structs.replace(EACH, none="skipped"),)]  # fmt: skip
ABORT_ON: list[tuple[Any, ...]] = [(), ("failed", "timed_out", "cancelled", "split")]
DOUBTS: list[Doubt] = ["again", "same_key", "lookup", "park"]


class Pick(Protocol):
    def __call__(self, xs: Sequence[T], /) -> T: ...


def some_plan(pick: Pick) -> Retrieval:
    creates = pick([True, True, True, False])
    poll = pick([None, *[Poll(exchange=EX, deadline=d, status=STATUS) for d in (60.0, 500.0)]])
    chained = creates and poll is not None
    return Retrieval(
        fetch=Fetch(exchange=EX), job_id=Read(("id",)), create=EX if creates else None, poll=poll,
        locate=pick([None, None, Paged(exchange=EX)]) if poll else None, before=pick(CHAIN) if chained else (),
        start=pick(CHAIN) if chained else (), lookup=pick([EX, None]) if creates else None, abort=pick(CHAIN), delete=pick(CHAIN),
        reads_created=pick([True, False]), targets=pick(TARGETS) if creates or poll else (One(),),
        policy=Policy(attempts=pick([1, 2, 3]), doubt=pick(DOUBTS), busy_for=9.0, abort_on=pick(ABORT_ON), relists=1))  # fmt: skip


class Walk:
    """odd: one answer in so many is not what one hopes for."""

    def __init__(self, plan: Retrieval, pick: Pick, tools: Tools, odd: int) -> None:
        self.plan, self.pick, self.tools, self.now, self.odd = plan, pick, tools, 1000.0, odd
        first = plan_job(plan, "s", Slice(), "k", self.now)
        VISITED.add((None, type(first), first.to))
        self.job = apply(None, first, "j")

    @property
    def case(self) -> Case:
        return Case(self.plan, self.job, self.now, self.tools)

    def once_in(self, n: int) -> bool:
        return self.pick(range(n)) == n - 1

    def result(self) -> Result:
        if not self.once_in(self.odd):
            body = self.pick([BODY, BODY, BODY.replace(b"ready", b"pending")])
            return Answered(Answer(code=200, body=body), Stored(0, "x", (len(body),)), self.pick([None, None, "p2"]))
        if self.once_in(8):
            return self.pick(LOST)
        body = self.pick(BODIES)
        return Answered(
            Answer(code=self.pick([200, self.pick(ODD)]), body=body), Stored(0, "x", (len(body),)), self.pick([None, "p2"])
        )

    def take(self, *events: AnyEvent) -> None:
        for e in events:
            VISITED.add((self.job.phase, type(e), e.to))
            assert msgspec.json.decode(msgspec.json.encode(e), type=AnyEvent) == e
            self.job = apply(self.job, e)
            assert self.job.targets.open == sum(not t.done for t in self.job.targets)
            assert self.job.targets.parts == sum(t.delivered for t in self.job.targets)

    def step(self) -> bool:
        """False: it rests for good."""
        job = self.job
        if not job.over and self.once_in(25):
            asked = cancel(job, self.now, "user")
            if asked is not None:
                self.take(asked)
        if self.tools.lends and job.phase in ("locating", "fetching") and self.once_in(4) and any(t.lent for t in job.targets):
            self.take(recalled(self.case, self.pick([{}, {"0": 0}])))  # a new run begins
        match decide(self.job, self.now):
            case Wait(until=until):
                self.now = until
            case Rest():
                return self.rest()
            case Relist():
                self.take(relist(self.case))
            case Retract():
                self.take(retracted(self.case))
            case Quit():
                self.take(quit_job(self.case))
            case Send(step="create") as cmd if self.once_in(9):
                self.send(cmd, self.pick(NOT_READY))
            case Send() as cmd:
                if cmd.step == "create":
                    self.take(sent(self.plan, self.job, self.now))
                self.send(cmd, self.result())
            case Bring():
                self.bring()
        self.now += 1.0
        return True

    def send(self, cmd: Send, result: Result) -> None:
        self.take(*conclude(self.plan, self.job, cmd, result, self.now, self.tools))

    def rest(self) -> bool:
        if self.job.phase == "parked":  # a person looks
            self.take(resolve(self.case, self.pick([None, "r1"])))
            return True
        if self.job.phase == "lent":  # the next run is given a state
            self.take(recalled(self.case, self.pick([{}, {"0": 0}, {"1": 0}])))
            return True
        return False

    def bring(self) -> None:
        i = self.pick([i for i, t in enumerate(self.job.targets) if not t.done])
        t = self.job.targets[i]
        if self.job.synchronous and self.once_in(6):
            return self.take(reread(self.case))
        if t.stored and self.once_in(8):
            return self.take(part_lost(self.case, i))
        if t.stored:
            return self.take(part_delivered(self.case, i, Counts(), "r"))
        if not self.once_in(self.odd):
            more = self.pick([None, "p2"]) if t.delivered < 2 else None
            return self.take(part_stored(self.case, i, Stored(next_part(self.job, i), "x", token=t.next), more))
        self.send(Send("fetch"), self.pick(BAD))


def walk(pick: Pick) -> None:
    plan, end = some_plan(pick), pick(["retracts", "lends", "neither"])
    cut: Callable[[Slice], tuple[Slice, ...]] = pick([lambda s: (s, s), lambda s: ()])
    walk = Walk(plan, pick, Tools(retracts=end == "retracts", lends=end == "lends", cut=cut), pick([2, 3, 6]))
    turn = 0
    while turn < 400 and walk.step():
        turn += 1
    assert walk.job.over or (turn == 400 and walk.job.phase in ("running", "locating", "parked", "planned", "fetching")), (
        walk.job
    )


@settings(max_examples=int(os.environ.get("WALKS", "1000")), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_machine_never_leaves_its_table_and_always_ends(data: st.DataObject) -> None:
    def pick(xs: Sequence[T], /) -> T:
        return data.draw(st.sampled_from(xs))

    walk(pick)


def test_every_cell_is_visited() -> None:
    chance = random.Random(7)
    for _ in range(int(os.environ.get("CHANCES", "12000"))):
        walk(chance.choice)
    cells = {(p, k, t) for (p, k), ts in TABLE.items() for t in ts}
    left = sorted(f"{p} --{k.__name__}--> {t}" for p, k, t in cells - VISITED)
    print(f"{len(cells & VISITED)} of {len(cells)} cells")
    assert left == [], "\n".join(left)


def test_decide_is_total_and_apply_refuses_the_rest() -> None:
    base = Job(id="j", stream="s", slice=Slice(), key="k", phase="planned", targets=Targets.of([Target(key="0")]))
    for phase in LIVE:
        assert decide(msgspec.structs.replace(base, phase=phase), 0.0) is not None
        for kind in GRADE:
            if (phase, kind) not in TABLE and kind in (Retried, AttemptEnded):
                e: AnyEvent = (Retried(at=0, to="done", step="poll", verdict="retry") if kind is Retried
                               else AttemptEnded(at=0, to="done", then="done", outcome="failed"))  # fmt: skip
                with pytest.raises(IllegalTransition):
                    apply(msgspec.structs.replace(base, phase=phase), e)
