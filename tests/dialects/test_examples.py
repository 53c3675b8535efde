"""Every shipped example, run over real HTTP against the practice API."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from jobstream.components.catalog import Catalog
from jobstream.dialects.airbyte.load import Compiled, load
from jobstream.engine.shard import Shard
from jobstream.engine.source import hands_of
from jobstream.http.transport import HttpTransport
from jobstream.jobs.event import Slice
from jobstream.jobs.job import Job
from jobstream.kinds import Partitions
from jobstream.ledger.sqlite import SqliteLedger
from jobstream.plan.wire import decode, encode
from jobstream.ports import Ports
from jobstream.template.language import Scope
from jobstream.testing.clock import VirtualClock, inline
from jobstream.testing.practice import PracticeApi
from jobstream.testing.small import Small, language_of
from jobstream.testing.spool import MemorySpool

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(p.parent.name for p in EXAMPLES.glob("*/config.json"))  # the others speak to servers of tests/real
ORIGINS = ("https://api.sendgrid.com", "https://api.practice.example")


def compiled(name: str, *, with_config: bool = True) -> tuple[Compiled, Any]:
    folder = EXAMPLES / name
    config = json.loads((folder / "config.json").read_text())
    text = (folder / "manifest.yaml").read_text()
    return load(f"{name}/manifest.yaml", text, Catalog(), config=config if with_config else None, now=lambda: 1.77e9), config


def slices(made: Compiled, config: Any) -> Iterator[Slice]:
    router = made.plan.streams[0].partitions
    if router is None:
        return iter((Slice(),))
    parts = cast(Partitions, Catalog(config=config).build(router, language_of(made.plan)))
    return parts.slices([], Scope({"config": lambda: config}))


class Configured(Small):
    """Cursors read the config where they are built."""

    async def run(self, stream: str, partitions: Iterable[Slice] = (Slice(),), **limits: int) -> dict[str, Job]:
        with tempfile.TemporaryDirectory() as folder:
            ledger = SqliteLedger(str(Path(folder) / "l.db"), inline)
            ports = Ports(self.clock, self.transport, ledger, MemorySpool(), self.destination, self.traces.append, inline)
            hands, runs = hands_of(
                self.plan, self.config, Catalog(config=self.config), language_of(self.plan), ports, self.states
            )
            return await Shard("s", hands, ports, slots=self.plan.slots).run(runs[stream].births(partitions))


async def ran(name: str, api: PracticeApi) -> tuple[dict[str, Job], Small]:
    made, config = compiled(name)
    assert made.findings == ()
    clock = VirtualClock()
    transport = HttpTransport(clock, origins=dict.fromkeys(ORIGINS, api.url), allow_private=True)
    small = Configured(made.plan, made.config, transport)
    small.clock = clock
    try:
        return await small.run(made.plan.streams[0].name, slices(made, config)), small
    finally:
        await transport.close()


@pytest.mark.parametrize("name", NAMES)
def test_it_compiles_without_a_word_with_and_without_its_config(name: str) -> None:
    for with_config in (True, False):
        made, _ = compiled(name, with_config=with_config)
        assert made.findings == () and made.spec["connectionSpecification"]["required"]
        assert decode(encode(made.plan)) == made.plan
        assert made.plan.name == name
    folder = EXAMPLES / name
    assert (folder / "README.md").read_text().startswith("# ")


PRACTICE: dict[str, dict[str, Any]] = {
    "sendgrid": {}, "large_export": {"create": "keyed", "files": 5}, "complex_processing": {"create": "listed", "list_lag": 0.0},
    "json_pages": {}, "analytics_report": {}, "batch_operation": {}, "xml": {"format": "xml"},
}  # fmt: skip
PARTS = {
    "analytics_report": [
        "2026-01-01T00:00:00Z,2026-01-10T23:59:59Z", "2026-01-11T00:00:00Z,2026-01-20T23:59:59Z",
        "2026-01-21T00:00:00Z,2026-01-25T00:00:00Z",
    ],
    "batch_operation": ["gold", "silver", "bronze"],
}  # fmt: skip


@pytest.mark.seed("B3", "B8", "B12", "B43")
@pytest.mark.parametrize("name", NAMES)
async def test_it_yields_exactly_the_rows_of_the_api(name: str) -> None:
    async with PracticeApi(rows=30, job_seconds=0.05, **PRACTICE[name]) as api:
        jobs, small = await ran(name, api)
        parts = PARTS.get(name, [""])
        assert {j.phase for j in jobs.values()} == {"done"} and len(jobs) == len(parts)
        want = [row for part in parts for row in api.expected_rows(part)]
        got = small.records(small.plan.streams[0].name)
        if name == "batch_operation":
            want = [{k.lower(): v for k, v in r.items() if k != "PHONE_NUMBER"} for r in want if r["COUNTRY"] != "NO"]
            assert {r.pop("list_id") for r in got} == {"gold", "silver", "bronze"}
        assert sorted(map(str, got)) == sorted(map(str, want)) and got
        assert api.report().misplaced == []
    assert [t.title for t in small.traces if t.step == "create"] == ["Async Job -- Create"] * len(parts)


@pytest.mark.seed("B34", "B35", "B36", "B37", "B38", "B39", "B40", "B41", "B42", "B58", "B59", "B61", "B62")
async def test_sendgrid_sends_the_key_to_create_and_poll_and_none_to_the_files() -> None:
    async with PracticeApi(rows=10, job_seconds=0.02) as api:
        _, small = await ran("sendgrid", api)
    first, *_, last = small.traces
    assert (first.method, first.url) == ("POST", "https://api.sendgrid.com/v3/marketing/contacts/exports")
    assert {t.url.rpartition("/")[0] for t in small.traces if t.step == "poll"} == {first.url}
    assert all(t.headers.get("Authorization") for t in small.traces if t.step in ("create", "poll"))
    assert last.step == "fetch" and not last.headers.get("Authorization")
    stream = small.plan.streams[0]
    assert stream.key == (("CONTACT_ID",),) and stream.records.decoder.name == "csv"
    assert stream.retrieval.poll is not None and stream.retrieval.poll.status is not None
    assert stream.retrieval.poll.status.map == {
        "ready": "completed",
        "failed": "failed",
        "pending": "running",
        "timeout": "timed_out",
    }


async def test_a_lost_create_is_looked_up_and_no_second_job_is_made() -> None:
    async with PracticeApi(rows=10, job_seconds=0.02, create="listed", list_lag=0.0, faults=["lost-create=1,times=1"]) as api:
        jobs, small = await ran("complex_processing", api)
        report = api.report()
    assert [j.phase for j in jobs.values()] == ["done"] and len(report.jobs) == 1
    assert [t.step for t in small.traces if t.step in ("create", "lookup")] == ["create", "lookup"]
    assert [t.method for t in small.traces if t.step == "delete"] == ["DELETE"]


async def test_a_lost_create_is_repeated_with_its_key() -> None:
    async with PracticeApi(rows=10, job_seconds=0.02, create="keyed", faults=["lost-create=1,times=1"]) as api:
        jobs, small = await ran("large_export", api)
        report = api.report()
    assert [j.phase for j in jobs.values()] == ["done"] and len(report.jobs) == 1
    keys = [t.headers["Idempotency-Key"] for t in small.traces if t.step == "create"]
    assert len(keys) == 2 and len(set(keys)) == 1
