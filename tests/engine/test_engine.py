"""The engine's own promises: batches of polls, slots, one token for many, cancels from elsewhere, epochs, books that balance."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import random
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from jobstream.components.catalog import LINES, Catalog
from jobstream.components.options import form, page
from jobstream.destinations.files import Files
from jobstream.jobs.event import Located, PartDelivered, PartStored, Planned, Slice, Stored, Target
from jobstream.jobs.job import apply
from jobstream.kinds import Destination, Wire
from jobstream.ledger.shelf import Shelf
from jobstream.plan.component import Component
from jobstream.plan.wire import encode, fingerprint
from jobstream.ports import Fenced
from jobstream.records.batch import Batch, PartKey
from jobstream.records.counts import DataFault, Tally
from jobstream.records.lines import record_lines
from jobstream.template.language import Plain, Scope
from jobstream.testing.destinations import Keyed
from jobstream.testing.fake_api import FakeApi, Reply
from jobstream.testing.small import Small
from jobstream.testing.world import Process, Shape, World
from shapes.every import ALL

CATALOG = Catalog()


class Facebook:
    """Accepts reports, answers polls only in batches; the n-th batch may be refused."""

    def __init__(self, refuse: set[int]) -> None:
        self.refuse, self.batches, self.singles, self.polls = refuse, 0, 0, dict[str, int]()

    def _status(self, i: str) -> dict[str, Any]:
        self.polls[i] = self.polls.get(i, 0) + 1
        done = self.polls[i] > 2
        return {"async_status": "Job Completed" if done else "Job Running", "async_percent_completion": 100 if done else 50}

    async def send(self, wire: Wire, *, timeout: float, follow: bool, budget: str) -> Reply:
        await asyncio.sleep(0)
        path = wire.url.removeprefix("https://graph.facebook.com/v24.0")
        body: Any
        if path == "":
            self.batches += 1
            if self.batches in self.refuse:
                return Reply(429, {"retry-after": "5"}, wire.url, b"{}")
            ids = [x["relative_url"] for x in json.loads(parse_qs(wire.body.decode())["batch"][0])]
            body = [{"code": 200, "body": json.dumps(self._status(i))} for i in ids]
        elif wire.method == "POST":
            body = {"report_run_id": "r" + path.split("/")[1]}
        elif "insights" in path:
            body = {"data": [{"id": path}], "paging": {}}
        else:
            self.singles += 1
            body = self._status(path.strip("/"))
        return Reply(200, {}, wire.url, json.dumps(body).encode())


def test_due_polls_go_together_and_a_refused_batch_is_a_failed_poll_of_each() -> None:
    api = Facebook({2})
    small = Small(ALL["facebook"], {"token": "t0ken"}, api)
    jobs = asyncio.run(small.run("insights", [Slice({"object_id": str(i)}) for i in range(120)]))
    assert {j.phase for j in jobs.values()} == {"done"} and len(small.records("insights")) == 120
    assert api.singles == 0 and api.batches < 40, (api.singles, api.batches)


def test_slots_are_counted_from_phases_and_given_back() -> None:
    world = World(Shape(), FakeApi([], polls=2, files=1), Keyed(True), slots={"one": 2})
    plan = world.plan
    world.plan = msgspec.structs.replace(plan, retrieval=msgspec.structs.replace(plan.retrieval, policy=msgspec.structs.replace(
        plan.retrieval.policy, slots="one")))  # fmt: skip
    most = 0
    route = world.api._route

    def watched(wire: Wire) -> Reply:
        nonlocal most
        got = route(wire)
        most = max(most, sum(j.left > 0 for j in world.api.jobs.values()))
        return got

    world.api._route = watched  # type: ignore[method-assign]
    jobs = asyncio.run(world.run(12, None))
    world.close()
    assert jobs is not None and {j.phase for j in jobs.values()} == {"done"} and most == 2


def test_one_token_for_many_and_a_401_renews_it_once() -> None:
    asked = {"token": 0, "late": 0}

    class Api:
        async def send(self, wire: Wire, *, timeout: float, follow: bool, budget: str) -> Reply:
            await asyncio.sleep(0)
            if "o2/token" in wire.url:
                asked["token"] += 1
                return Reply(
                    200, {}, wire.url, json.dumps({"access_token": f"tok{asked['token']}", "expires_in": 3600}).encode()
                )
            if wire.method == "POST":
                return Reply(200, {}, wire.url, b'{"reportId": "1"}')
            if "tok1" in wire.headers.get("Authorization", ""):
                asked["late"] += 1
                for _ in range(asked["late"] * 40):  # some refusals arrive when others have a new token already
                    await asyncio.sleep(0)
                return Reply(401, {}, wire.url, b"{}")
            if wire.url.endswith("/u"):
                return Reply(200, {}, wire.url, gzip.compress(b'[{"a": 1}]'))
            return Reply(200, {}, wire.url, b'{"status": "COMPLETED", "url": "https://files/u"}')

    small = Small(ALL["amazon_ads"], {"id": "client", "secret": "s3cret"}, Api())
    jobs = asyncio.run(small.run("sp_daily", [Slice({"profile_id": str(i)}, ("2026-01-01", "2026-01-02")) for i in range(50)]))
    assert {j.phase for j in jobs.values()} == {"done"} and asked["token"] == 2
    assert all("tok" not in str(t.headers) for t in small.traces)


def test_a_cancel_from_another_process_is_a_request_that_the_owner_obeys() -> None:
    async def go() -> None:
        world = World(Shape(), FakeApi([], polls=10**6), Keyed(True))
        shard = world.shard(Process(None))
        task = asyncio.create_task(shard.run(world.births(1)))
        while "j0" not in shard.jobs or shard.jobs["j0"].phase != "running":
            await asyncio.sleep(0)
        Shelf(world.path).ask("j0", "cancel", "the operator")
        await shard.heed()
        jobs = await task
        assert jobs["j0"].phase == "cancelled" and next(iter(world.api.jobs.values())).aborted
        world.close()

    asyncio.run(go())


def test_the_destination_does_not_listen_to_a_zombie_after_a_retract() -> None:
    d = Keyed(True)
    d.write(PartKey("s", "a", 1, 0, 0), 1, iter([Batch([{"x": 1}])]))
    d.retract("s", "a", 1, 2)
    with pytest.raises(Fenced):
        d.write(PartKey("s", "a", 1, 1, 0), 1, iter([Batch([{"y": 1}])]))
    assert not d.parts


def fold_time(n: int) -> float:
    job = apply(None, Planned(at=0, to="running", stream="s", slice=Slice(), key="k"), "j")
    job = msgspec.structs.replace(job, phase="locating")
    job = apply(job, Located(at=0, to="fetching", targets=tuple(Target(key=str(i)) for i in range(n))))
    began = time.process_time()
    for i in range(n):
        job = apply(job, PartStored(at=0, to="fetching", target=i, stored=Stored(0, "x")))
        job = apply(job, PartDelivered(at=0, to="fetching" if i < n - 1 else "done", target=i, part=0))
    assert job.targets.open == 0 and job.targets.parts == n
    return time.process_time() - began


def test_thousands_of_targets_fold_in_linear_time() -> None:
    small, large = min(fold_time(1000) for _ in range(3)), min(fold_time(5000) for _ in range(2))
    assert large / small < 9, (small, large)


def test_a_new_field_with_a_default_orphans_no_job_and_a_stored_plan_has_every_default() -> None:
    plan = ALL["sendgrid"].streams[0].retrieval
    assert b'"busy_for":86400.0' in encode(plan)
    assert fingerprint(plan) != fingerprint(msgspec.structs.replace(plan, reads_created=True))
    spelled = msgspec.json.decode(encode(plan), type=type(plan))
    assert fingerprint(spelled) == fingerprint(plan)


def decoded(c: Component, raw: bytes) -> tuple[list[dict[str, Any]], Tally]:
    tally = Tally()
    decoder: Any = CATALOG.build(c, Plain())
    rows = [r for b in decoder.decode(io.BytesIO(raw), tally, Scope({})) for r in b.rows()]
    return rows, tally


def test_gzip_round_csv_reads_every_member_and_counts_ragged_rows() -> None:
    c = Component("decoder", "gzip", {"inner": Component("decoder", "csv", {"ragged": "skip"})})
    raw = gzip.compress(b"id,name\n1,a\n2,b\n") + gzip.compress(b"3,c\n4\n")
    rows, tally = decoded(c, raw)
    assert [r["id"] for r in rows] == ["1", "2", "3"] and tally.bad == 1
    with pytest.raises(DataFault):
        decoded(c, raw[:30])
    with pytest.raises(DataFault):
        decoded(Component("decoder", "csv"), b"id,name\n1,a\n2\n")


def test_record_lines_of_columns_are_those_of_rows() -> None:
    chance = random.Random(1)
    alphabet = 'abc "\\\n\t\x01é€' * 3
    body = "a,b\n" + "".join(
        ",".join('"' + "".join(chance.choices(alphabet, k=5)).replace('"', '""') + '"' for _ in range(2)) + "\n"
        for _ in range(500)
    )
    tally = Tally()
    decoder: Any = CATALOG.build(Component("decoder", "csv"), Plain())
    batches = list(decoder.decode(io.BytesIO(body.encode()), tally, Scope({})))
    assert sum(map(len, batches)) == 500
    for b in batches:
        assert bytes(record_lines(b, "s", 1)) == bytes(record_lines(Batch(b.rows()), "s", 1))


@pytest.mark.parametrize("line", sorted(LINES))
def test_every_component_tells_people_what_it_is(line: str) -> None:
    kind, _, name = line.partition(".")
    cls = CATALOG.find(kind, name)
    assert (
        cls is not None and cls.__doc__ and all(f.label != f.key for f in form(cls)) and page(kind, name, cls).startswith("## ")
    )


def test_files_are_keyed_whole_and_fenced(tmp_path: Path) -> None:
    d: Destination = Files(str(tmp_path))
    for _ in range(2):
        d.write(PartKey("s", "a", 1, 0, 0), 1, iter([Batch([{"x": 1}]), Batch([{"x": 2}])]))
    assert [p.read_text() for p in tmp_path.glob("s/*.jsonl")] == ['{"x":1}\n{"x":2}\n']
    d.retract("s", "a", 1, 2)
    with pytest.raises(Fenced):
        d.write(PartKey("s", "a", 1, 1, 0), 1, iter([Batch([{"y": 1}])]))
    assert not list(tmp_path.glob("s/*.jsonl"))
