"""The crash laws on the real shard, the real ledger and these destinations: killed anywhere and resumed, each record once."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobstream.destinations.airbyte import Airbyte
from jobstream.destinations.catalog import FORMS, open_destination
from jobstream.destinations.pipe import Pipe
from jobstream.destinations.stdout import Stdout
from jobstream.dialects.airbyte.states import Speech, Spoken, read_states
from jobstream.jobs.job import Job
from jobstream.kinds import Destination
from jobstream.plan.notes import Json
from jobstream.records.batch import Batch, PartKey
from jobstream.testing.destinations import Keyed
from jobstream.testing.fake_api import FakeApi
from jobstream.testing.world import Killed, Process, Shape, World, has

RUNS = settings(max_examples=int(os.environ.get("RUNS", "25")), deadline=None, suppress_health_check=list(HealthCheck))
KILLS = st.lists(st.integers(0, 60), max_size=4)
SHAPES = st.builds(Shape, deliver=st.sampled_from(["parts", "whole"]), parallel=st.integers(1, 3), paged=st.booleans())


class Struck:
    """A destination of a process that may be killed before, in and after each effect."""

    def __init__(self, there: Destination, alive: Callable[[str], None]) -> None:
        self._there, self._alive = there, alive
        self.receipts, self.retracts = there.receipts, there.retracts

    def write(self, key: PartKey, epoch: int, batches: Iterator[Batch]) -> str:
        def pulled() -> Iterator[Batch]:
            for b in batches:
                for row in b.rows():
                    self._alive("row")
                    yield Batch([row])

        self._alive("write.before")
        receipt = self._there.write(key, epoch, pulled())
        self._alive("write.after")
        return receipt

    def retract(self, stream: str, job: str, attempt: int, epoch: int) -> None:
        self._alive("retract.before")
        self._there.retract(stream, job, attempt, epoch)
        self._alive("retract.after")

    def checkpoint(self, stream: str, state: Json, position: int) -> None:
        self._alive("state")
        self._there.checkpoint(stream, state, position)


def world_of(shape: Shape, polls: int, files: int, broken: int) -> World:
    return World(
        shape, FakeApi([], polls=polls, files=files, pages=3 if shape.paged else 1, broken=broken, lag=2.0), Keyed(True)
    )


def run(world: World, there: Destination, kill: int | None, n: int, given: int | None = None) -> dict[str, Job] | None:
    process = Process(kill)
    shard = world.shard(process, Struck(there, process.alive))
    try:
        asyncio.run(shard.run(world.births(n), given))
    except BaseException as e:
        if not has(e, Killed):
            raise
        return None
    return dict(shard.jobs)


def are_right(world: World, jobs: dict[str, Job], rows: list[tuple[str, dict[str, Any]]], files: int) -> None:
    """rows: (job, record). The records of one remote job for each slice, each once."""
    assert {j.phase for j in jobs.values()} <= {"done"}, {j.phase for j in jobs.values()}
    for job in jobs:
        mine = [r for j, r in rows if j == job]
        assert len({r["remote"] for r in mine}) <= 1
        got = sorted((int(r["file"]), int(r["page"]), int(r["i"])) for r in mine)
        assert got == [(f, p, i) for f in range(files) for p in range(world.api.pages) for i in range(3)]


def read(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    rows: list[tuple[str, dict[str, Any]]] = []
    for file in sorted(folder.glob("s/*")):
        if file.name.startswith((".", "_")):
            continue
        if file.suffix == ".parquet":
            found = pq.ParquetFile(file).read().to_pylist()
        elif file.suffix == ".csv":
            with file.open(newline="") as f:
                found = list(csv.DictReader(f))
        else:
            found = [json.loads(line) for line in file.read_text().splitlines()]
        rows += [(file.name.split(".")[0], r) for r in found]
    return rows


@pytest.mark.parametrize("form", sorted(FORMS))
@RUNS
@given(
    shape=SHAPES, n=st.integers(1, 2), files=st.integers(0, 3), polls=st.integers(0, 1), broken=st.integers(0, 2), kills=KILLS
)
def test_killed_anywhere_the_folder_holds_each_record_once(
    tmp_path: Path, form: str, shape: Shape, n: int, files: int, polls: int, broken: int, kills: list[int]
) -> None:
    folder = tmp_path / "out"
    shutil.rmtree(folder, ignore_errors=True)
    world = world_of(shape, polls, files, broken)
    try:
        for kill in [*kills, None]:
            jobs = run(world, open_destination(form, str(folder)), kill, n)
            if jobs is not None:
                break
    finally:
        world.close()

    assert jobs is not None
    are_right(world, jobs, read(folder), files)
    assert not list(folder.rglob("*.half"))


class Output:
    """Standard output of one process, in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self.pipe = Pipe(self._handle)

    def lines(self) -> list[Any]:
        os.close(self._handle)
        return [json.loads(x) for x in self._file.read_bytes().splitlines()]


@RUNS
@given(shape=SHAPES, n=st.integers(1, 2), files=st.integers(0, 3), kills=KILLS)
def test_what_stands_before_the_last_state_of_each_run_holds_each_record_once(
    tmp_path: Path, shape: Shape, n: int, files: int, kills: list[int]
) -> None:
    world, speech, kept = world_of(shape, 0, files, 0), Speech({"s": Spoken()}), list[Any]()
    given: int | None = None
    try:
        for kill in [*kills, None, None]:  # the last run only acknowledges
            out = Output(tmp_path / "out")
            jobs = run(world, Airbyte(out.pipe, speech, lambda: 1.0), kill, n, given)
            lines = out.lines()
            last = max((i for i, m in enumerate(lines) if m["type"] == "STATE"), default=None)
            if last is not None:
                kept += [m["record"]["data"] for m in lines[:last] if m["type"] == "RECORD"]
                given = speech.given(read_states(json.dumps([lines[last]]).encode()))["s"].position
    finally:
        world.close()

    assert jobs is not None
    are_right(world, jobs, [(f"j{r['slice']}", r) for r in kept], files)


@RUNS
@given(shape=SHAPES, n=st.integers(1, 2), files=st.integers(0, 3), kills=KILLS)
def test_over_a_plain_pipe_the_run_that_ends_writes_each_record_once(
    tmp_path: Path, shape: Shape, n: int, files: int, kills: list[int]
) -> None:
    world, rows = world_of(shape, 0, files, 0), list[Any]()
    given: int | None = None
    try:
        for kill in [*kills, None, None]:
            out = Output(tmp_path / "out")
            there = Stdout(out.pipe)
            jobs = run(world, there, kill, n, given)
            if jobs is not None:
                rows += out.lines()
                given = there.said["s"]
            else:
                out.lines()
    finally:
        world.close()

    assert jobs is not None
    are_right(world, jobs, [(f"j{r['slice']}", r) for r in rows], files)
