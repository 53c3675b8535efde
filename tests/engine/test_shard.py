"""The shard: long answers, wishes from elsewhere, the end within a deadline, foreign jobs, splits, the books of a run."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any, cast

import msgspec
import pytest
from msgspec import structs

from jobstream.engine.report import Report
from jobstream.engine.slots import Lane
from jobstream.jobs.event import Answer, Slice
from jobstream.jobs.job import Job
from jobstream.kinds import Wire
from jobstream.ledger.shelf import Shelf
from jobstream.plan.exchange import Rule, When
from jobstream.plan.stream import StreamPlan
from jobstream.testing.destinations import Keyed
from jobstream.testing.fake_api import FakeApi, Reply
from jobstream.testing.world import Process, Shape, World


class Wordy(FakeApi):
    """Answers of a hundred kilobytes, with what later steps need at their end."""

    def _reply(self, wire: Wire, code: int, body: Any, headers: dict[str, str] | None = None) -> Reply:
        if isinstance(body, dict) and "id" in body:
            body = {"padding": "x" * 100_000, **body, "last": {"url": f"https://api.test/jobs/{body['id']}"}}
        return super()._reply(wire, code, body, headers)


def wordy(stream: StreamPlan) -> StreamPlan:
    """The poll reads its URL at the end of the creation answer; the clean-up at the end of the last poll."""
    r = stream.retrieval
    assert r.poll is not None
    at = "{{{created.body.last.url}}}"
    poll = structs.replace(r.poll.exchange, request=structs.replace(r.poll.exchange.request, url=at))
    clean = structs.replace(r.delete[0], request=structs.replace(r.delete[0].request, url="{{{polled.body.last.url}}}/clean"))
    return structs.replace(stream, retrieval=structs.replace(r, poll=structs.replace(r.poll, exchange=poll), delete=(clean,)))


def test_long_answers_are_read_back_also_after_a_kill() -> None:
    for kill in range(0, 60, 3):
        world = World(Shape(doubt="same_key", delete=True), Wordy([], polls=1, files=2, dedupes=True), Keyed(True))
        world.plan = wordy(world.plan)
        jobs = asyncio.run(world.run(1, kill)) or asyncio.run(world.run(1, None))
        assert jobs is not None and jobs["j0"].phase == "done" and jobs["j0"].orphans == 0, (kill, jobs)
        assert all(r.cleaned for r in world.api.jobs.values())
        shelf = Shelf(world.path)
        answers = [getattr(e.event, "answer", None) for e in shelf.job("j0").events]
        shelf.close()
        size = sum(len(a.body) for a in answers if isinstance(a, Answer))
        world.close()
        assert size == 0, "long answers are not in the ledger"
        assert not world.files or kill, "and not left in the spool"


def test_a_long_answer_that_the_spool_has_lost_is_polled_again() -> None:
    met = 0
    for kill in range(10, 40):
        world = World(Shape(doubt="same_key", delete=True), Wordy([], polls=0, files=3, dedupes=True), Keyed(True))
        world.plan = wordy(world.plan)
        if asyncio.run(world.run(1, kill)) is None:
            shelf = Shelf(world.path)
            job = shelf.job("j0").job
            shelf.close()
            if job.phase == "fetching" and job.polled is not None:
                met += 1
                del world.files[job.polled.spooled]
        jobs = asyncio.run(world.run(1, None))
        world.close()
        assert jobs is not None and jobs["j0"].phase == "done", (kill, jobs)
        assert all(r.cleaned for r in world.api.jobs.values())
    assert met > 3


def test_too_long_an_answer_is_a_fault() -> None:
    world = World(Shape(attempts=1), Wordy([], polls=0), Keyed(True))
    r = world.plan.retrieval
    assert r.create is not None
    create = structs.replace(r.create, reading=structs.replace(r.create.reading, longest=1000))
    world.plan = structs.replace(world.plan, retrieval=structs.replace(r, create=create))
    jobs = asyncio.run(world.run(1, None))
    world.close()
    assert jobs is not None and jobs["j0"].fault is not None and jobs["j0"].fault.code == "answer.too_long"


def test_the_pump_looks_for_wishes_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(Shape(), FakeApi([], polls=10**6), Keyed(True))
    asked: list[float] = []

    async def go() -> dict[str, Job]:
        shard = world.shard(Process(None))
        shard._heeds = 1.0
        requests = shard.ports.ledger.requests

        async def counted(name: str) -> Any:
            asked.append(world.clock.now())
            if len(asked) == 30:
                shelf = Shelf(world.path)
                shelf.ask("j0", "cancel", "the operator")
                shelf.close()
            return await requests(name)

        monkeypatch.setattr(shard.ports.ledger, "requests", counted)
        return await shard.run(world.births(1))

    jobs = asyncio.run(go())
    world.close()
    assert jobs["j0"].phase == "cancelled" and all(r.aborted for r in world.api.jobs.values())
    assert 30 <= len(asked) <= 33 and min(b - a for a, b in pairwise(asked[1:])) >= 1.0


def test_stop_aborts_what_it_can_and_ends_in_time() -> None:
    class Deaf(FakeApi):
        def _route(self, wire: Wire) -> Reply:
            if wire.method == "DELETE" and wire.url.endswith("r0"):
                return Reply(500, {}, wire.url, b"{}")
            return super()._route(wire)

    world = World(Shape(), Deaf([], polls=10**6), Keyed(True))
    began = world.clock.now()

    async def go() -> dict[str, Job]:
        shard = world.shard(Process(None))
        task = asyncio.create_task(shard.run(world.births(3)))
        while sum(j.phase == "running" for j in shard.jobs.values()) < 3:
            await asyncio.sleep(0)
        await shard.stop("Ctrl-C", within=5.0)
        return await task

    jobs = asyncio.run(go())
    world.close()
    assert sorted(j.phase for j in jobs.values()) == ["aborting", "cancelled", "cancelled"]
    assert world.clock.now() - began < 60
    left = [j.api_id for j in jobs.values() if not j.over]
    assert left == ["r0"]


def test_stop_ends_in_time_also_where_no_answer_comes() -> None:
    class Hung(FakeApi):
        async def send(self, wire: Wire, *, timeout: float, follow: bool, budget: str) -> Reply:
            if wire.method == "GET" and "key=" not in wire.url:
                hung.append(wire.url)
                await asyncio.Event().wait()
            return await super().send(wire, timeout=timeout, follow=follow, budget=budget)

    hung: list[str] = []
    world = World(Shape(), Hung([], polls=10**6), Keyed(True))

    async def go() -> dict[str, Job]:
        shard = world.shard(Process(None))
        shard._calls = Lane(2)
        task = asyncio.create_task(shard.run(world.births(6)))
        while len(hung) < 2:
            await asyncio.sleep(0)
        await shard.stop("Ctrl-C", within=5.0)
        return await task

    jobs = asyncio.run(go())
    world.close()
    assert len(hung) == 2 and sum(not j.over for j in jobs.values()) >= 2 and all(j.cancel for j in jobs.values())


def test_jobs_of_another_question_are_left_alone_and_told() -> None:
    world = World(Shape(), FakeApi([], polls=2), Keyed(True))
    births = [(i, structs.replace(e, asked="something else")) for i, e in world.births(2)]
    shard = world.shard(Process(None))
    shard._hands = {"s": shard._hands["s"]._replace(asked="something else")}
    shard._history._hands = shard._hands
    asyncio.run(shard.run(births, no_wait=True))
    other = world.shard(Process(None))
    assert asyncio.run(other.run(())) == {} and {j.phase for j in other.foreign.values()} == {"running"}
    retired = world.shard(Process(None))
    retired._hands = shard._hands
    retired._history._hands = shard._hands
    ended = asyncio.run(retired.run((), cancel="retired"))
    world.close()
    assert {j.phase for j in ended.values()} == {"cancelled"} and all(r.aborted for r in world.api.jobs.values())


class Choosy(FakeApi):
    """Refuses what is asked for too much at once."""

    def _create(self, wire: Wire) -> Reply:
        asked = json.loads(wire.body)
        if len(asked["slice"]) > 1:
            return self._reply(wire, 413, {})
        return super()._create(wire)


def test_the_pieces_of_a_split_job_are_born_with_its_end_and_only_once() -> None:
    for kill in range(0, 40, 2):
        world = World(Shape(doubt="same_key"), Choosy([], polls=0, files=1, dedupes=True), Keyed(True))
        r = world.plan.retrieval
        assert r.create is not None
        rule = Rule(then="split", when=When(codes=("413",)))
        create = structs.replace(r.create, rules=((rule, *r.create.rules[0]),))
        world.plan = structs.replace(world.plan, retrieval=structs.replace(r, create=create))
        world.cut = lambda piece: tuple(Slice({"i": c}) for c in piece.partition["i"])
        jobs = None
        for k in (kill, None):
            shard = world.shard(Process(k))
            birth = world.born("big", Slice({"i": "ab"}))
            try:
                jobs = asyncio.run(shard.run([birth]))
                break
            except BaseException:
                assert k is not None
        rows = sorted(r["slice"] for part in cast(Keyed, world.destination).parts.values() for r in part)
        world.close()
        assert jobs is not None
        if jobs["big"].phase == "parked":  # killed after the intent: a refusal of the repeat says nothing about the first
            assert kill and not rows
            continue
        assert {i: j.phase for i, j in jobs.items()} == {"big": "split", "big-1": "done", "big-2": "done"}
        assert rows == ["a"] * 3 + ["b"] * 3 and len(world.api.jobs) == 2


def test_the_report_adds_up() -> None:
    world = World(Shape(doubt="again", attempts=2), FakeApi(["500"], polls=2, files=2, fetch_faults=["cut"]), Keyed(True))
    report = Report(["s"])
    world.watch = report.watch
    jobs = asyncio.run(world.run(3, None))
    assert jobs is not None
    told = report.streams(jobs)["s"]
    assert told.jobs == {"done": 3} and told.lives == 0 and (told.read, told.kept, told.bad) == (18, 18, 0)
    assert told.doubtful == told.orphans == 1 and told.creates == 4 and told.attempts == 1 and told.polls >= 6
    assert told.retries == 2 and told.parts == 6 and told.bytes == sum(
        len(msgspec.json.encode(r)) + 1 for part in cast(Keyed, world.destination).parts.values() for r in part)  # fmt: skip
    assert (
        {f.code for f in told.faults} >= {"create.in_doubt", "fetch.retry"} and 0 < told.first <= told.last and told.remote > 0
    )
    assert msgspec.json.decode(msgspec.json.encode(told))["kept"] == 18
    assert report.lines(jobs) == []
    again = Report()
    for job in jobs.values():
        again.took(job)
    assert again.streams(jobs)["s"].kept_before == 18 and again.streams(jobs)["s"].taken_over == 0
    again.spent("s", "decode", 1.5)
    again.spent("s", "decode", 0.5)
    assert again.streams({})["s"].spent == {"decode": 2.0}
    world.close()


def test_the_live_view_shows_what_moves_first() -> None:
    world = World(Shape(), FakeApi([], polls=50), Keyed(True))
    report = Report()
    world.watch = report.watch
    left = asyncio.run(world.shard(Process(None)).run(world.births(30), no_wait=True))
    lines = report.lines({**left, "j7": structs.replace(left["j7"], phase="fetching")}, most=5)
    world.close()
    assert [line.id for line in lines][:1] == ["j7"] and len(lines) == 5 and all(line.born for line in lines)
