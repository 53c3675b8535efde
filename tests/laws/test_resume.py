"""Downloads that are cut off: the bytes are those of the API, each is asked for once, and only progress gives more tries."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobstream.engine.ranges import asking, goes_on, is_whole, mark_of
from jobstream.jobs.command import Send
from jobstream.jobs.event import AttemptEnded, Planned, Retried, Slice, Target
from jobstream.jobs.job import Job, apply
from jobstream.meaning.conclude import conclude
from jobstream.meaning.read import Lost, Tools
from jobstream.plan.exchange import Exchange, Request
from jobstream.plan.retrieval import Fetch, Retrieval
from jobstream.testing.destinations import Keyed
from jobstream.testing.fake_api import FakeApi, Reply
from jobstream.testing.world import Process, Shape, World

RUNS = int(os.environ.get("RUNS", "100"))
SLOW = settings(max_examples=RUNS, deadline=None, suppress_health_check=list(HealthCheck))


class Dripping(FakeApi):
    """Files that break off again and again. changes: after so many answers the file is another one. ranges: what it does with a
    Range."""

    def __init__(self, cuts: list[int], changes: int | None, honest: bool) -> None:
        super().__init__([], polls=0, files=1)
        self.cuts, self.changes, self.honest, self.answers = list(cuts), changes, honest, 0
        self.starts: list[int] = []

    def _part(self, wire: Any, whole: Reply) -> Reply:
        self.answers += 1
        if self.changes is not None and self.answers > self.changes:
            whole.body = whole.body.replace(b'"page":0', b'"page":1')
        whole.headers["etag"] = f'"{whole.body.count(b"1")}"'
        reply = super()._part(wire, whole)
        if not self.honest:
            reply = Reply(200, dict(whole.headers), wire.url, whole.body)
        self.starts.append(int(wire.headers.get("Range", "bytes=0-")[6:-1]) if reply.code == 206 else 0)
        if self.cuts:
            reply.body, reply.breaks = reply.body[: self.cuts.pop()], True
        return reply


@SLOW
@given(cuts=st.lists(st.integers(1, 200), max_size=12), changes=st.one_of(st.none(), st.integers(0, 6)), honest=st.booleans(),
       kills=st.lists(st.integers(0, 40), max_size=3))  # fmt: skip
def test_the_bytes_are_those_of_one_edition_of_the_file(
    cuts: list[int], changes: int | None, honest: bool, kills: list[int]
) -> None:
    api = Dripping(cuts, changes, honest)
    world = World(Shape(doubt="same_key", retries=30), cast(FakeApi, api), Keyed(True))
    api.dedupes = True

    async def go() -> dict[str, Job]:
        for kill in [*kills, None]:
            jobs = await world.run(1, kill)
            if jobs is not None:
                return jobs
        raise AssertionError

    job = asyncio.run(go())["j0"]
    rows = [r for part in cast(Keyed, world.destination).parts.values() for r in part]
    world.close()
    assert job.phase == "done", job.fault
    assert [r["i"] for r in rows] == [0, 1, 2] and len({r["page"] for r in rows}) == 1, "bytes of two editions"


def test_what_is_there_is_not_asked_for_again() -> None:
    api = Dripping([40, 40, 40], None, True)
    world = World(Shape(doubt="same_key"), cast(FakeApi, api), Keyed(True))
    jobs = asyncio.run(world.run(1, None))
    world.close()
    assert jobs is not None and jobs["j0"].phase == "done"
    assert api.starts == sorted(set(api.starts)) and len(api.starts) == 4 and api.starts[0] == 0


def test_a_slow_bad_line_finishes_and_one_without_progress_ends() -> None:
    """Twenty cuts with two retries: each goes on a little. The same without ranges never gets further, and ends."""
    for honest, phase in ((True, "done"), (False, "failed")):
        api = Dripping([9] * 20, None, honest)
        world = World(Shape(doubt="same_key", retries=2, attempts=1), cast(FakeApi, api), Keyed(True))
        jobs = asyncio.run(world.run(1, None))
        world.close()
        assert jobs is not None
        assert jobs["j0"].phase == phase, (honest, jobs["j0"])
        assert honest or api.answers == 3


def test_a_relist_goes_on_at_the_same_byte() -> None:
    world = World(Shape(doubt="same_key"), FakeApi([], polls=0, files=1, fetch_faults=["ok", "stale", "cut"]), Keyed(True))
    jobs = asyncio.run(world.run(1, None))
    world.close()
    assert jobs is not None and jobs["j0"].phase == "done"
    assert world.api.ranges == 1 and world.api.links > 1, "a fresh link, the rest of the bytes"


FETCH = Exchange(request=Request(url="x"), retries=2)


@SLOW
@given(grown=st.lists(st.integers(0, 3), min_size=1, max_size=40), resumes=st.integers(0, 5))
def test_retries_begin_anew_only_by_progress_and_not_for_ever(grown: list[int], resumes: int) -> None:
    plan = Retrieval(fetch=Fetch(exchange=FETCH, resumes=resumes))
    job = apply(None, Planned(at=0, to="fetching", stream="s", slice=Slice(), key="k", targets=(Target(key="0"),)), "j")
    stuck = anew = 0
    for got in grown:
        (event,) = conclude(plan, job, Send("fetch"), Lost(sent=True, why="cut", got=got), 1.0, Tools())
        goes_on = got > 0 and anew < resumes
        anew, stuck = anew + goes_on, 0 if goes_on else stuck
        if isinstance(event, AttemptEnded):
            assert stuck >= FETCH.retries
            return
        assert isinstance(event, Retried) and event.resumes == anew <= resumes
        stuck += 1
        assert event.retries == stuck <= FETCH.retries
        job = apply(job, event)


@SLOW
@given(
    offset=st.integers(0, 99), start=st.integers(0, 99), total=st.integers(1, 99), told=st.integers(1, 99), same=st.booleans()
)
def test_a_rest_fits_exactly(offset: int, start: int, total: int, told: int, same: bool) -> None:
    mark = mark_of({"etag": '"a"', "content-length": str(told)})
    headers = {"content-range": f"bytes {start}-{total - 1}/{total}", "etag": '"a"' if same else '"b"'}
    assert goes_on(headers, offset, mark) == (start == offset and total == told and same)
    assert is_whole({"content-range": f"bytes */{total}"}, offset, mark) == (total == offset == told)


def test_only_a_strong_validator_asks_for_the_rest() -> None:
    old, new = "Mon, 02 Nov 2026 10:00:00 GMT", "Mon, 02 Nov 2026 10:00:09 GMT"
    assert asking(7, mark_of({"etag": '"a"'})) == {"Range": "bytes=7-", "If-Range": '"a"'}
    assert asking(7, mark_of({"last-modified": old, "date": new})) == {"Range": "bytes=7-", "If-Range": old}
    for headers in ({"etag": 'W/"a"'}, {"last-modified": old, "date": old}, {"etag": '"a"', "accept-ranges": "none"}, {},
                    {"last-modified": "yesterday"}):  # fmt: skip
        assert asking(7, mark_of(headers)) == {}, headers
    assert asking(0, mark_of({"etag": '"a"'})) == {}


class Torn(FakeApi):
    """One of many files is out of order for a while."""

    def __init__(self, files: int, bad: int, times: int) -> None:
        super().__init__([], polls=0, files=files)
        self.bad, self.times, self.order = bad, times, list[int]()

    def _part(self, wire: Any, whole: Reply) -> Reply:
        k = int(wire.url.split("/files/")[1].split("?")[0])
        self.order.append(k)
        if k == self.bad and self.times:
            self.times -= 1
            return Reply(500, {}, wire.url, b"{}")
        return super()._part(wire, whole)


def test_one_bad_target_does_not_hold_up_its_siblings() -> None:
    api = Torn(12, 3, 2)
    world = World(Shape(doubt="same_key"), cast(FakeApi, api), Keyed(True))
    jobs = asyncio.run(world.run(1, None))
    world.close()
    assert jobs is not None and jobs["j0"].phase == "done"
    assert Counter(api.order) == Counter({**dict.fromkeys(range(12), 1), 3: 3}), "nobody else was asked again"
    assert api.order[-2:] == [3, 3], "it is asked again when the others are done"


def test_a_target_that_stays_bad_ends_the_attempt_by_its_own_budget() -> None:
    api = Torn(4, 1, 10**6)
    world = World(Shape(doubt="same_key", retries=2, attempts=1), cast(FakeApi, api), Keyed(True))
    jobs = asyncio.run(world.run(1, None))
    world.close()
    assert jobs is not None and jobs["j0"].phase == "failed" and api.order.count(1) == 3
    assert not cast(Keyed, world.destination).parts


@SLOW
@given(cuts=st.lists(st.integers(0, 60), max_size=4), files=st.integers(1, 3), n=st.integers(1, 3), polls=st.integers(0, 2))
def test_creating_first_and_collecting_later_is_a_run(cuts: list[int], files: int, n: int, polls: int) -> None:
    """no_wait, killed at will, then a run: as one run."""
    world = World(Shape(doubt="same_key"), FakeApi([], polls=polls, files=files, dedupes=True), Keyed(True))

    async def go() -> dict[str, Job]:
        for kill in cuts:
            shard = world.shard(Process(kill))
            try:
                await shard.run(world.births(n), no_wait=True)
            except BaseException as e:
                assert "Killed" in repr(e) or isinstance(e, BaseExceptionGroup)
        left = await world.shard(Process(None)).run(world.births(n), no_wait=True)
        assert {j.phase for j in left.values()} == {"running"}
        jobs = await world.run(n, None)
        assert jobs is not None
        return jobs

    jobs = asyncio.run(go())
    rows = [(r["slice"], r["file"], r["i"]) for part in cast(Keyed, world.destination).parts.values() for r in part]
    world.close()
    assert {j.phase for j in jobs.values()} == {"done"} and len(world.api.jobs) == n
    assert sorted(rows) == [(str(s), f, i) for s in range(n) for f in range(files) for i in range(3)]
