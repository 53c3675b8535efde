"""What the engine promises to its neighbours: budgets before intents, hosts, formats of small answers, runs that do not wait."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from jobstream.engine.answers import Reader, said
from jobstream.engine.exchange import hosts_of
from jobstream.jobs.event import AnyEvent, CreateSent
from jobstream.jobs.job import Job
from jobstream.kinds import Wire
from jobstream.meaning.read import Tools
from jobstream.plan.component import Component
from jobstream.plan.exchange import Reading
from jobstream.plan.source import SourcePlan
from jobstream.template.handlebars import Handlebars
from jobstream.template.language import Scope
from jobstream.testing.destinations import Keyed
from jobstream.testing.fake_api import FakeApi
from jobstream.testing.world import Process, Shape, World


class Lines:
    """A decoder of `a=1` lines."""

    def decode(self, source: Any, tally: Any, names: Scope) -> Any:
        from jobstream.records.batch import Batch

        yield Batch([dict([line.decode().split("=")]) for line in source.read().split()])


def test_small_answers_are_read_by_the_format_of_the_stream() -> None:
    reader = Reader(lambda c: Lines())
    reading = Reading(decoder=Component("decoder", "lines"))
    assert msgspec.json.decode(reader.value(reading, b"a=1", Scope({}))) == {"a": "1"}
    assert msgspec.json.decode(reader.value(reading, b"a=1\nb=2", Scope({}))) == [{"a": "1"}, {"b": "2"}]
    assert reader.value(Reading(body="text"), b"hi", Scope({})) == b'"hi"'
    assert reader.value(Reading(body="none"), b"hi", Scope({})) == b""


def test_a_kept_request_has_no_credentials() -> None:
    got = said(Wire("POST", "https://x/", {"Authorization": "Bearer t", "A": "b"}, b"body", credentials=("Authorization",)))
    assert got == {"method": "POST", "url": "https://x/", "headers": {"A": "b"}, "body": "body"}


def test_hosts_are_templates_over_the_config() -> None:
    plan = SourcePlan(name="x", streams=(), language="handlebars", hosts=("{{config.region}}.api.test", "https://B.test/v3"))
    assert hosts_of(plan, Tools(Handlebars(), config={"region": "eu"})) == {"eu.api.test", "b.test"}


def test_a_run_that_does_not_wait_leaves_known_jobs_and_a_later_one_takes_them_over() -> None:
    world = World(Shape(), FakeApi([], polls=2, files=2), Keyed(True))
    seen: list[tuple[Job, AnyEvent]] = []

    async def go(no_wait: bool) -> dict[str, Job]:
        world.watch = lambda job, event: seen.append((job, event))
        shard = world.shard(Process(None))
        return await shard.run(world.births(3), no_wait=no_wait)

    left = asyncio.run(go(True))
    assert {j.phase for j in left.values()} == {"running"} and world.api.calls["poll"] == 0
    done = asyncio.run(go(False))
    world.close()
    assert {j.phase for j in done.values()} == {"done"} and len(world.api.jobs) == 3 and set(done) == set(left)
    assert sum(isinstance(e, CreateSent) for _, e in seen) == 3


def test_a_run_that_does_not_wait_leaves_what_finds_no_slot() -> None:
    world = World(Shape(), FakeApi([], polls=2, files=1), Keyed(True), slots={"one": 2})
    policy = msgspec.structs.replace(world.plan.retrieval.policy, slots="one")
    world.plan = msgspec.structs.replace(world.plan, retrieval=msgspec.structs.replace(world.plan.retrieval, policy=policy))
    jobs = asyncio.run(world.shard(Process(None)).run(world.births(5), no_wait=True))
    assert sorted(j.phase for j in jobs.values()) == ["planned"] * 3 + ["running"] * 2
    done = asyncio.run(world.shard(Process(None)).run(world.births(5)))
    world.close()
    assert {j.phase for j in done.values()} == {"done"} and len(world.api.jobs) == 5
