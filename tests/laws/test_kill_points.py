"""Exhaustive where chance is lazy: one kill, at each effect of a run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jobstream.testing.destinations import Pipe
from jobstream.testing.fake_api import FakeApi
from jobstream.testing.world import Process, Shape, World


@pytest.mark.parametrize("slow", [1, *(pytest.param(n, marks=pytest.mark.long) for n in (0, 2, 3))])
def test_a_pipe_killed_at_each_point_holds_each_record_once(slow: int) -> None:
    """Parts of several targets are under way, out of step. The lines before the last state of each run count."""
    shape = Shape(parallel=3, paged=True)
    for kill in range(180):
        world = World(shape, FakeApi([], polls=0, files=3, pages=3, lag=2.0), Pipe())
        world.api.slow = slow
        kept: list[Any] = []
        given = None
        for k in (kill, None, None):
            process = Process(k)
            world.destination = pipe = Pipe(process.alive)
            pipe.given = given
            jobs = asyncio.run(world.run_as(process, 2))
            kept.extend(pipe.lines[: pipe.committed])
            given = pipe.given
        world.close()
        assert jobs is not None and {j.phase for j in jobs.values()} == {"done"}, kill
        rows = sorted((r["slice"], r["file"], r["page"], r["i"]) for r in kept)
        assert rows == [(str(s), f, p, i) for s in range(2) for f in range(3) for p in range(3) for i in range(3)], kill
