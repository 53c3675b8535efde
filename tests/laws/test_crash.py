"""THE CRASH LAW, on the real asyncio Shard with the real SQLite ledger and a virtual clock."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobstream.engine.shard import Shard
from jobstream.jobs.job import Job
from jobstream.ports import Fenced
from jobstream.testing.destinations import Keyed, Pipe
from jobstream.testing.fake_api import FakeApi
from jobstream.testing.world import Process, Shape, World, has

RUNS = int(os.environ.get("RUNS", "100"))
SLOW = settings(max_examples=RUNS, deadline=None, suppress_health_check=list(HealthCheck))
FAULTS = st.lists(st.sampled_from(["ok", "ok", "ok", "lost", "unsent", "429", "500", "busy", "stale", "short"]), max_size=25)
DOWNLOADS = st.lists(st.sampled_from(["ok", "ok", "lost", "429", "500", "stale", "short", "cut", "cut"]), max_size=20)
KILLS = st.lists(st.integers(0, 60), max_size=5)
SHAPES = st.builds(Shape, doubt=st.sampled_from(["same_key", "lookup"]), listing=st.sampled_from(["each", "count"]),
                   reads_created=st.booleans(), locate=st.booleans(), delete=st.booleans(), retries=st.integers(0, 5),
                   deliver=st.sampled_from(["parts", "whole"]), parallel=st.integers(1, 3), paged=st.booleans())  # fmt: skip


def api_for(
    shape: Shape, faults: list[str], polls: int, files: int, broken: int, at_once: bool, downloads: list[str] = []
) -> FakeApi:
    return FakeApi(cast(Any, list(faults)), polls=polls, files=files, pages=3 if shape.paged else 1, dedupes=shape.doubt == "same_key",
                   broken=broken, at_once=at_once, fetch_faults=cast(Any, list(downloads)), lag=2.0 if shape.doubt == "lookup" else 0.0)  # fmt: skip


async def live(world: World, n: int, kills: list[int], lose_spool: bool = False) -> dict[str, Job]:
    for kill in kills:
        jobs = await world.run(n, kill)
        if jobs is not None:
            return jobs
        if lose_spool:
            world.files.clear()
    jobs = await world.run(n, None)
    assert jobs is not None
    return jobs


def one_create_an_attempt(world: World) -> None:
    keys = Counter(j.key for j in world.api.jobs.values())
    assert not keys or max(keys.values()) == 1, f"two remote jobs in one attempt: {keys}"


def records_are_right(world: World, jobs: dict[str, Job], parts: list[tuple[str, int, dict[str, Any]]], files: int) -> None:
    """parts: (job, attempt, record)."""
    pages = world.api.pages
    for job in jobs.values():
        rows = [(r["remote"], r["file"], r["page"], r["i"]) for j, _, r in parts if j == job.id]
        assert len(rows) == len(set(rows)), "a record twice"
        if job.phase == "done":
            assert len({r[0] for r in rows}) <= 1, "two remote jobs mixed"
            assert sorted(r[1:] for r in rows) == [(f, p, i) for f in range(files) for p in range(pages) for i in range(3)], (
                "a record lost"
            )
        elif world.destination.retracts:
            assert not rows, f"a {job.phase} job left records"
        assert job.phase in ("done", "failed", "timed_out", "parked", "cancelled"), job.phase
        assert job.phase == "done" or job.fault is not None, "it must say why"


@SLOW
@given(shape=SHAPES, n=st.integers(1, 3), files=st.integers(0, 3), polls=st.integers(0, 2), broken=st.integers(0, 3),
       at_once=st.booleans(), retracts=st.booleans(), faults=FAULTS, downloads=DOWNLOADS, kills=KILLS, lose=st.booleans())  # fmt: skip
def test_killed_anywhere_the_records_of_one_remote_job_are_delivered_once(
        shape: Shape, n: int, files: int, polls: int, broken: int, at_once: bool, retracts: bool, faults: list[str], downloads: list[str],
        kills: list[int], lose: bool) -> None:  # fmt: skip
    world = World(shape, api_for(shape, faults, polls, files, broken, at_once, downloads), Keyed(retracts))
    try:
        jobs = asyncio.run(live(world, n, kills, lose))
    finally:
        world.close()
    assert isinstance(world.destination, Keyed)
    parts = [(k.job, k.attempt, r) for k, rows in world.destination.parts.items() for r in rows]
    one_create_an_attempt(world)
    records_are_right(world, jobs, parts, files)
    for job in jobs.values():
        assert sum(j.slice == job.slice.partition["i"] for j in world.api.jobs.values()) <= job.attempt <= 3


@SLOW
@given(shape=SHAPES, n=st.integers(1, 3), files=st.integers(1, 3), polls=st.integers(0, 2), broken=st.integers(0, 2),
       retracts=st.booleans(), faults=FAULTS, downloads=DOWNLOADS, freeze=st.integers(0, 12), kill=st.integers(0, 60))  # fmt: skip
def test_a_frozen_process_wakes_beside_the_new_owner_and_nothing_is_twice(
        shape: Shape, n: int, files: int, polls: int, broken: int, retracts: bool, faults: list[str], downloads: list[str], freeze: int, kill: int) -> None:  # fmt: skip
    world = World(shape, api_for(shape, faults, polls, files, broken, False, downloads), Keyed(retracts))

    async def both() -> dict[str, Job]:
        zombie = Process(None, freeze)
        old = asyncio.create_task(quiet(world.shard(zombie), world, n))
        await asyncio.wait([old, asyncio.create_task(zombie.frozen.wait())], return_when=asyncio.FIRST_COMPLETED)
        await world.run(n, kill)  # the new owner, perhaps killed
        if kill % 2:
            zombie.thaw()
        jobs = await world.run(n, None)
        zombie.thaw()
        told = await old
        assert told is None or has(told, Fenced), told
        assert jobs is not None
        return jobs

    try:
        jobs = asyncio.run(both())
    finally:
        world.close()
    assert isinstance(world.destination, Keyed)
    one_create_an_attempt(world)
    records_are_right(world, jobs, [(k.job, k.attempt, r) for k, rows in world.destination.parts.items() for r in rows], files)


async def quiet(shard: Shard, world: World, n: int) -> BaseException | None:
    try:
        await shard.run(world.births(n))
    except BaseException as e:
        return e
    return None


@SLOW
@given(shape=SHAPES, n=st.integers(1, 2), files=st.integers(0, 3), polls=st.integers(0, 3), faults=FAULTS, downloads=DOWNLOADS, kills=KILLS,
       after=st.floats(0, 120))  # fmt: skip
def test_a_cancelled_job_leaves_no_records_and_no_running_remote_job(
        shape: Shape, n: int, files: int, polls: int, faults: list[str], downloads: list[str], kills: list[int], after: float) -> None:  # fmt: skip
    world = World(shape, api_for(shape, faults, polls, files, 0, False, downloads), Keyed(True))

    async def go() -> dict[str, Job]:
        at = world.clock.now() + after
        for kill in [*kills, None]:
            jobs = await world.run(n, kill, cancel_at=at)
            if jobs is not None:
                return jobs
        raise AssertionError

    try:
        jobs = asyncio.run(go())
    finally:
        world.close()
    assert isinstance(world.destination, Keyed)
    for job in jobs.values():
        rows = [r for k, part in world.destination.parts.items() if k.job == job.id for r in part]
        if job.phase == "cancelled":
            assert not rows
            remotes = [r for r in world.api.jobs.values() if r.slice == job.slice.partition["i"]]
            alive = [r for r in remotes if r.left and not r.aborted]
            assert len(alive) <= job.orphans, (alive, job)
        else:
            assert job.phase in ("done", "failed", "parked"), job.phase


@SLOW
@given(shape=SHAPES, n=st.integers(1, 3), files=st.integers(0, 3), polls=st.integers(0, 2), broken=st.integers(0, 2),
       faults=FAULTS, downloads=DOWNLOADS, kills=KILLS)  # fmt: skip
def test_over_a_pipe_the_committed_prefix_holds_each_record_once(
        shape: Shape, n: int, files: int, polls: int, broken: int, faults: list[str], downloads: list[str], kills: list[int]) -> None:  # fmt: skip
    """The platform keeps the lines before the last STATE of each run, and hands that STATE to the next."""
    world = World(shape, api_for(shape, faults, polls, files, broken, False, downloads), Pipe())
    kept: list[Any] = []

    async def go() -> dict[str, Job]:
        given = None
        for kill in [*kills, None, None, None]:  # the last run only acknowledges
            process = Process(kill)
            world.destination = pipe = Pipe(process.alive)
            pipe.given = given
            jobs = await world.run_as(process, n)
            kept.extend(pipe.lines[: pipe.committed])
            given = pipe.given
            if jobs is not None and all(j.over or j.phase == "parked" for j in jobs.values()):
                return jobs
        raise AssertionError("a lent job was not settled by the state that came back")

    try:
        jobs = asyncio.run(go())
    finally:
        world.close()
    one_create_an_attempt(world)
    parts = [(f"j{r['slice']}", 0, r) for r in kept]
    records_are_right(world, jobs, parts, files)


@settings(SLOW, max_examples=max(20, RUNS // 4))
@given(kills=st.lists(st.integers(0, 60), max_size=8), files=st.integers(0, 3), shape=SHAPES)
def test_without_faults_every_crash_ends_in_done_with_one_remote_job(kills: list[int], files: int, shape: Shape) -> None:
    world = World(shape, api_for(shape, [], 2, files, 0, False), Keyed(True), slots={"one": 1})
    try:
        jobs = asyncio.run(live(world, 3, kills))
    finally:
        world.close()
    assert {j.phase for j in jobs.values()} == {"done"}
    assert len(world.api.jobs) == 3
    if shape.delete and files:
        assert all(r.cleaned for r in world.api.jobs.values())
    assert not world.files or kills, "delivered bytes stay in the spool"


def test_doubt_again_is_honest_about_the_orphan() -> None:
    world = World(Shape(doubt="again"), api_for(Shape(doubt="again"), ["lost"], 0, 1, 0, False), Keyed(True))
    jobs = asyncio.run(live(world, 1, []))
    world.close()
    job = jobs["j0"]
    assert len(world.api.jobs) == 2 and job.attempt == 2 and job.phase == "done" and job.orphans == 1


@settings(SLOW, max_examples=max(20, RUNS // 4))
@given(kills=KILLS, faults=FAULTS, downloads=DOWNLOADS, pages=st.integers(1, 3), retracts=st.just(True))
def test_a_broken_synchronous_slice_is_read_again_as_a_whole(
    kills: list[int], faults: list[str], downloads: list[str], pages: int, retracts: bool
) -> None:
    shape = Shape(synchronous=True, paged=True)
    api = api_for(shape, faults, 0, 1, 0, True, downloads)
    api.pages = pages
    world = World(shape, api, Keyed(retracts))
    try:
        jobs = asyncio.run(live(world, 2, kills))
    finally:
        world.close()
    assert isinstance(world.destination, Keyed)
    for job in jobs.values():
        parts = {k: rows for k, rows in world.destination.parts.items() if k.job == job.id}
        rows = [(r["page"], r["i"]) for part in parts.values() for r in part]
        assert len({k.attempt for k in parts}) <= 1, "two readings mixed"
        assert len({r["remote"] for part in parts.values() for r in part}) <= 1, "two readings mixed"
        assert sorted(rows) == ([(p, i) for p in range(pages) for i in range(3)] if job.phase == "done" else [])


def test_a_later_run_takes_a_live_job_over() -> None:
    world = World(Shape(), api_for(Shape(), [], 3, 2, 0, False), Keyed(True))
    assert asyncio.run(world.run(2, 9)) is None
    shard = world.shard(Process(None))
    jobs = asyncio.run(shard.run(world.births(2, run=" of another run")))
    assert set(jobs) == {"j0", "j1"} and {j.phase for j in jobs.values()} == {"done"} and len(world.api.jobs) == 2
    again = asyncio.run(world.shard(Process(None)).run(world.births(2, run=" of a third run")))
    assert len(again) == 4 and len(world.api.jobs) == 4, "what has ended is asked anew, under another idempotency key"
    assert len({j.key for j in world.api.jobs.values()}) == 4
    world.close()


def test_a_new_attempt_after_a_delivered_part_only_where_it_can_be_taken_back() -> None:
    shape = Shape(retries=0, parallel=1)
    ends: list[tuple[str, int, int]] = []
    destinations: list[Keyed | Pipe] = [Keyed(True), Keyed(False), Pipe()]
    for there in destinations:
        world = World(shape, api_for(shape, [], 0, 2, 0, False, ["500", "ok"]), there)
        job = asyncio.run(live(world, 1, []))["j0"]
        world.close()
        rows = there.lines if isinstance(there, Pipe) else [r for part in there.parts.values() for r in part]
        ends.append((job.phase, job.attempt, len({r["remote"] for r in rows})))
    assert ends == [("done", 2, 1), ("failed", 1, 1), ("failed", 1, 1)]
