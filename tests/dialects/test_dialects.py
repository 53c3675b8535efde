"""Two dialects, one engine: compiled, linted, run against the same fake."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from jobstream.components.catalog import Catalog
from jobstream.dialects.airbyte.leaves import manifest_form, to_document
from jobstream.dialects.airbyte.load import load
from jobstream.documents.text import read
from jobstream.jobs.event import Slice
from jobstream.kinds import Feed, Partitions, Wire
from jobstream.plan.source import SourcePlan
from jobstream.plan.wire import decode, encode
from jobstream.template.language import Scope
from jobstream.testing.fake_api import Reply
from jobstream.testing.small import Small, language_of

EXAMPLES = Path(__file__).parent / "manifests"
CATALOG = Catalog()


def manifest(name: str, old: str = "", new: str = "") -> tuple[SourcePlan, list[str]]:
    text = (EXAMPLES / f"{name}.yaml").read_text()
    assert old in text
    made = load(f"{name}.yaml", text.replace(old, new) if old else text, CATALOG, now=lambda: 0.0)
    assert decode(encode(made.plan)) == made.plan
    return made.plan, [str(f) for f in made.findings]


class Fake:
    """Routes by function; every request is written down."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.seen = answer, list[str]()

    async def send(self, wire: Wire, *, timeout: float, follow: bool, budget: str) -> Reply:
        parts = urlsplit(wire.url)
        self.seen.append(
            f"{wire.method} {parts.path}{'?' + parts.query if parts.query else ''} {wire.headers.get('Authorization', '-')}"
        )
        code, body = self.answer(wire.method, parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()}, len(self.seen))
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Reply(code, {"content-length": str(len(raw))}, wire.url, raw)


def exports(method: str, path: str, query: dict[str, str], n: int) -> tuple[int, Any]:
    if path == "/exports":
        return 201, {"id": "e1"}
    if path == "/exports/e1":
        return 200, {"state": "RUN" if n < 4 else "DONE"}
    page = int(query.get("page", 0))
    return 200, {"items": [{"id": page * 2}, {"id": page * 2 + 1}], "next": str(page + 1) if page < 2 else None}


def test_sendgrid_runs_from_its_manifest() -> None:
    plan, said = manifest("sendgrid")
    assert said == []

    def api(method: str, path: str, query: dict[str, str], n: int) -> tuple[int, Any]:
        if method == "POST":
            return 202, {"id": "x"}
        if path.endswith("/x"):
            return 200, {"status": "pending"} if n < 3 else {"status": "ready", "urls": ["https://files/1", "https://files/2"]}
        return 200, gzip.compress(b"CONTACT_ID\tname\n1\tAda\n") + gzip.compress(b"2\tBob\n3\n")

    small = Small(plan, {"api_key": "SG.secret"}, fake := Fake(api))
    jobs = asyncio.run(small.run("contacts"))
    assert {j.phase for j in jobs.values()} == {"done"}
    assert small.records("contacts")[:3] == [
        {"CONTACT_ID": "1", "name": "Ada"},
        {"CONTACT_ID": "2", "name": "Bob"},
        {"CONTACT_ID": "3", "name": None},
    ]
    assert fake.seen[-1].endswith("/2 -") and "SG.secret" in fake.seen[0] and small.traces[-1].url == "https://files/2"


def test_a_substream_with_cursor_and_windows_keeps_state_by_partition_and_a_gap_holds_it_back() -> None:
    plan, said = manifest("issues")
    assert said == []

    def api(method: str, path: str, query: dict[str, str], n: int) -> tuple[int, Any]:
        if path == "/projects":
            return 200, {"items": [{"id": 1}, {"id": 2}]}
        if path.startswith("/projects/2") and query["since"] == "2026-01-11T00:00:00Z":
            return 404, {}
        page = query.get("cursor")
        at = query["since"].replace("T00", "T05")
        return 200, {
            "items": [{"id": 1, "state": "draft" if page else "open", "updated_at": at}],
            "next": None if page else "2",
        }

    small = Small(plan, {}, Fake(api))
    small.clock.at = 1769472000.0  # 2026-01-27
    asyncio.run(small.run("projects"))
    feed = Feed("projects", Slice(), small.records("projects"))
    router = plan.streams[1].partitions
    assert router is not None
    parts = cast(Partitions, CATALOG.build(router, language_of(plan)))
    jobs = asyncio.run(small.run("issues", list(parts.slices([feed], Scope({})))))
    assert len(jobs) == 6 and sorted(j.phase for j in jobs.values()) == ["done"] * 5 + ["failed"]
    assert sum(sum(t.kept for t in j.targets) for j in jobs.values()) == 5
    state = {json.loads(k)["project_id"]: v["closed"] for k, v in small.states["issues"].items()}
    assert [[text[:19] for text in c[:3]] for c in state[1]] == [
        ["2026-01-01T00:00:00", "2026-01-27T00:00:00", "2026-01-21T05:00:00"]
    ]
    assert [c[0][:10] for c in state[2]] == ["2026-01-01", "2026-01-21"], "the gap stays open"
    again = asyncio.run(small.run("issues", [Slice({"project_id": 2, "parent_slice": {}})]))
    assert {j.slice.window[0] for j in again.values() if j.slice.window} == {"2026-01-11T00:00:00Z"}, (
        "only the gap is read again"
    )


def test_a_leaf_goes_both_ways_and_has_a_form() -> None:
    plan, _ = manifest("sendgrid")
    assert to_document(plan.streams[0].records.decoder) == {
        "type": "GzipDecoder",
        "decoder": {"type": "CsvDecoder", "delimiter": "\\t"},
    }
    fields = {f.key: f for f in manifest_form("CsvDecoder", CATALOG)}
    assert (
        list(fields) == ["delimiter", "encoding", "set_values_to_none"] and fields["set_values_to_none"].label == "Null words"
    )
    text = read("x", (EXAMPLES / "sendgrid.yaml").read_text()).edit(
        "/streams/0/retriever/status_mapping/running", ["pending", "queued"]
    )
    assert '        running: ["pending", "queued"]  # there is no queued' in text


def ended(answers: dict[str, Any], **more: str) -> tuple[list[str], Fake]:
    """The exports manifest with another life: statuses come in turn, the last one for ever."""
    text = (EXAMPLES / "exports.yaml").read_text().replace("timeout: []", "timeout: [LATE], skipped: [NONE]")
    for old, new in more.items():
        text = text.replace(f"      {old}:", f"      {new}\n      {old}:", 1)
    made = load("exports.yaml", text, CATALOG, now=lambda: 0.0)
    assert made.findings == ()
    told = list(answers["states"])

    def api(method: str, path: str, query: dict[str, str], n: int) -> tuple[int, Any]:
        if method == "POST" and path == "/exports":
            return 201, {"id": "e1"}
        if path.endswith("/abort"):
            return 204, b""
        if path == "/exports/e1":
            return 200, {"state": told.pop(0) if len(told) > 1 else told[0]}
        return 200, {"items": [{"id": 1}], "next": None}

    small = Small(made.plan, {"token": "tok"}, fake := Fake(api))
    jobs = asyncio.run(small.run("rows"))
    return [
        f"{j.phase} {j.fault.code if j.fault else ''} {j.fault.seen if j.fault else ''}".strip() for j in jobs.values()
    ], fake


ABORT = (
    'abort_requester: {type: HttpRequester, url: "https://x.test/exports/{{ creation_response.id }}/abort", http_method: POST}'
)


@pytest.mark.seed("B17", "B18", "B19", "B20", "B22", "B24", "B60")
def test_running_is_asked_again_until_completed() -> None:
    phases, fake = ended({"states": ["RUN", "RUN", "RUN", "DONE"]})
    assert phases == ["done"] and sum(" /exports/e1 " in s for s in fake.seen) == 4


@pytest.mark.seed("B21")
def test_failed_is_told_and_not_polled_again() -> None:
    phases, fake = ended({"states": ["ERR"]})
    assert phases == ["failed job.failed ERR"]
    assert sum("POST /exports " in s for s in fake.seen) == sum("GET /exports/e1 " in s for s in fake.seen) == 3, (
        "three attempts, a poll each"
    )


@pytest.mark.seed("B23")
def test_a_timeout_that_the_api_reports_is_aborted() -> None:
    phases, fake = ended({"states": ["LATE"]}, record_selector=ABORT)
    assert phases == ["timed_out job.timed_out LATE"] and sum("POST /exports/e1/abort" in s for s in fake.seen) == 3


@pytest.mark.seed("B64")
def test_a_status_that_is_not_mapped_ends_it_and_is_told() -> None:
    phases, fake = ended({"states": ["RUN", "ODD"]})
    assert phases == ["failed status.unknown ODD"] and len(fake.seen) == 3


def test_skipped_has_no_records_and_no_download() -> None:
    phases, fake = ended({"states": ["NONE"]})
    assert phases == ["skipped"] and not any("/rows" in s for s in fake.seen)
