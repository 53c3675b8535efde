"""The ledger for people: read beside a running process, asked, pruned; runs and plans; files of other versions."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from jobstream.errors import KeepingError, UsageError
from jobstream.jobs.event import Created, Planned
from jobstream.jobs.job import Job
from jobstream.jobs.table import ENDS
from jobstream.kinds import Held
from jobstream.ledger.runs import Runs
from jobstream.ledger.schema import VERSION, opened
from jobstream.ledger.seal import AesSeal
from jobstream.ledger.shelf import Shelf
from jobstream.ledger.sqlite import SqliteLedger
from jobstream.plan.wire import fingerprint
from jobstream.testing.clock import inline
from jobstream.testing.destinations import Keyed
from jobstream.testing.fake_api import FakeApi
from jobstream.testing.world import Killed, Process, Shape, World


@pytest.fixture
def world() -> Iterator[World]:
    w = World(Shape(doubt="park"), FakeApi([], polls=2, files=2), Keyed(True))
    yield w
    w.close()


def run(world: World, n: int) -> dict[str, Job]:
    jobs = asyncio.run(world.run(n, None))
    assert jobs is not None
    return jobs


def test_jobs_are_listed_and_shown_with_their_history(world: World) -> None:
    asyncio.run(world.shard(Process(None)).run(world.births(2), no_wait=True))
    shelf = Shelf(world.path)
    seen = shelf.jobs(live=True)
    assert [(s.id, s.phase, s.source, s.stream, s.api_id) for s in seen] == [
        ("j0", "running", "s0", "s", "r0"), ("j1", "running", "s0", "s", "r1")]  # fmt: skip
    run(world, 2)
    assert shelf.jobs(live=True) == [] and shelf.jobs(phases=["failed"]) == [] and shelf.jobs(stream="other") == []
    (first, _) = shelf.jobs(source="s0", phases=["done"])
    assert (first.records, first.targets, first.open, first.over, first.polls) == (6, 2, 0, True, 2)
    story = shelf.job("j0")
    assert isinstance(story.events[0].event, Planned) and any(isinstance(e.event, Created) for e in story.events)
    assert story.job.phase == "done" and not any(e.loose for e in story.events)
    with pytest.raises(UsageError, match="several jobs have 'j'"):
        shelf.job("j")
    with pytest.raises(UsageError, match="no jobs have"):
        shelf.job("x")
    shelf.close()


def test_a_lost_poll_is_shown_as_loose(world: World) -> None:
    world.api.polls = 50
    shard = world.shard(Process(20))
    shard._heeds = 1.0
    with pytest.raises((Killed, BaseExceptionGroup)):
        asyncio.run(shard.run(world.births(1)))
    shelf = Shelf(world.path)
    story = shelf.job("j0")
    shelf.close()
    assert story.events[-1].loose and story.seen.polls >= 1 and story.seen.born <= story.seen.moved


def test_a_parked_create_is_an_orphan_until_a_person_has_looked(world: World) -> None:
    world.api.faults = ["lost", "lost"]
    assert {j.phase for j in run(world, 2).values()} == {"parked"}
    shelf = Shelf(world.path)
    assert [s.id for s in shelf.orphans(source="s0")] == ["j0", "j1"]
    assert shelf.prune(1e12).jobs == 0
    assert shelf.ask("j0", "found", "me", "r0") and shelf.ask("j1", "not_made", "me")
    shard = world.shard(Process(None))
    shard._heeds = 1.0
    jobs = asyncio.run(shard.run(()))
    assert jobs["j0"].phase == "done" and jobs["j1"].phase == "done" and len(world.api.jobs) == 3
    assert not shelf.ask("j0", "cancel", "me")
    with pytest.raises(UsageError):
        shelf.job("j0") and shelf.ask("zz", "cancel", "me")
    shelf.close()


def test_only_a_parked_job_waits_for_a_person(world: World) -> None:
    asyncio.run(world.shard(Process(None)).run(world.births(1), no_wait=True))
    shelf = Shelf(world.path)
    with pytest.raises(UsageError, match="not parked"):
        shelf.ask("j0", "found", "me", "r0")
    shelf.close()


def test_pruning_takes_out_what_ended_before(world: World) -> None:
    run(world, 2)
    shelf = Shelf(world.path)
    assert shelf.prune(world.clock.now() - 1e5) == (0, 0, 0)
    got = shelf.prune(world.clock.now() + 1)
    assert got.jobs == 2 and got.events > 10 and shelf.jobs() == []
    shelf.close()


def test_cancelling_a_job_that_no_process_runs(world: World) -> None:
    asyncio.run(world.shard(Process(None)).run(world.births(3), no_wait=True))
    jobs = asyncio.run(world.shard(Process(None)).run((), only=frozenset({"j1"}), cancel="me"))
    assert [jobs[f"j{i}"].phase for i in range(3)] == ["running", "cancelled", "running"]
    assert [r.aborted for r in world.api.jobs.values()] == [False, True, False]


def test_runs_and_their_plans_are_kept(tmp_path: Path) -> None:
    path = str(tmp_path / "ledger.db")
    world = World(Shape(), FakeApi([]), Keyed(True))
    plan, streams = world.source, {"s": "asks this"}
    world.close()
    runs = Runs(path, AesSeal(bytes(32)))
    runs.begin("r1", plan, {"token": "s3cret"}, streams, shard="x", destination="files out/", started=1.0)
    assert b"s3cret" not in b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert runs.config("r1") == {"token": "s3cret"} and runs.plan(fingerprint(plan)) == plan
    going = runs.unfinished("x", streams, "files out/")
    assert going is not None and going.id == "r1" and going.ended is None
    assert runs.unfinished("x", {"s": "asks that"}, "files out/") is None and runs.unfinished("x", streams, "-") is None
    runs.begin("r1", plan, {}, streams, shard="x", destination="files out/", started=5.0)
    assert len(runs.list()) == 1
    runs.end("r1", 9.0, "done", {"records": 3})
    ended = runs.run("r1")
    assert ended is not None and (ended.outcome, ended.report, ended.started) == ("done", {"records": 3}, 1.0)
    assert runs.unfinished("x", streams, "files out/") is None
    assert runs.that_asked("s", "asks this") == ended and runs.that_asked("s", "else") is None
    assert runs.run("r2") is None and runs.plan("none") is None and runs.config("none") is None
    shelf = Shelf(path)
    assert shelf.prune(10.0).runs == 1 and runs.plan(fingerprint(plan)) is None
    shelf.close()
    runs.close()


def test_tokens_are_sealed(tmp_path: Path) -> None:
    ledger = SqliteLedger(str(tmp_path / "l.db"), inline, AesSeal(bytes(32)))

    async def go() -> None:
        assert await ledger.held("x/a") is None
        await ledger.hold("x/a", Held({"refresh_token": "r0tates"}))
        got = await ledger.held("x/a")
        assert got is not None and got.values == {"refresh_token": "r0tates"} and got.until > 1e12

    asyncio.run(go())
    assert b"r0tates" not in b"".join(p.read_bytes() for p in tmp_path.iterdir())
    ledger.close()


def test_a_newer_file_and_a_strange_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    db = opened(str(path))
    assert {p for (p,) in db.execute("SELECT phase FROM ending")} == ENDS
    db.execute(f"PRAGMA user_version={VERSION + 1}")
    db.close()
    with pytest.raises(KeepingError, match="written by a newer jobstream"):
        opened(str(path))
    path.write_bytes(b"x" * 5000)
    with pytest.raises(KeepingError, match="another program's file"):
        opened(str(path))


def test_an_older_file_becomes_a_newer_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jobstream.ledger import schema

    path = str(tmp_path / "l.db")
    opened(path).close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE later (x TEXT) STRICT;"))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    db = opened(path)
    assert db.execute("SELECT count(*) FROM later").fetchone() == (0,)
    db.close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE broken (x NONSENSE) STRICT;"))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    with pytest.raises(KeepingError):
        opened(path)
    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA user_version").fetchone() == (schema.VERSION - 1,)
    raw.close()


def test_a_value_of_a_request_is_json(world: World) -> None:
    world.api.faults = ["lost"]
    run(world, 1)
    shelf = Shelf(world.path)
    shelf.ask("j0", "found", "me", {"id": "r0"})
    ledger = SqliteLedger(world.path, inline)
    (asked,) = asyncio.run(ledger.requests("s0"))
    assert (asked.what, asked.by, asked.value) == ("found", "me", {"id": "r0"}) and msgspec.json.encode(asked)
    ledger.close()
    shelf.close()
