"""What a shard needs done for one stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from jobstream.engine.bring import Carrier
from jobstream.engine.exchange import Caller
from jobstream.jobs.event import Planned
from jobstream.jobs.job import Job
from jobstream.meaning.read import Tools
from jobstream.plan.stream import StreamPlan
from jobstream.ports import Checkpoint, JobId


class Hands(NamedTuple):
    """closed  the stream's state when this job has ended · asked: see plan.wire.asked
    pieces  the jobs that take a split one's place"""

    plan: StreamPlan
    tools: Tools
    caller: Caller
    carrier: Carrier
    closed: Callable[[Job], Checkpoint | None] = lambda job: None
    asked: str = ""
    pieces: Callable[[Job], Iterator[tuple[JobId, Planned]]] = lambda job: iter(())


class Lanes(NamedTuple):
    """How much at the same time: requests, hauls, creates; and jobs that are not over."""

    calls: int = 200
    moves: int = 32
    creates: int = 64
    in_flight: int = 10_000
