"""Law 11: a manifest and Celigo resources of one API give the same requests, the same traces and the same records."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from celigo import Remote
from jobstream.components.catalog import Catalog
from jobstream.dialects.airbyte.load import load as load_manifest
from jobstream.dialects.celigo.load import load as load_resources
from jobstream.testing.small import Small

EXAMPLE = Path(__file__).parents[2] / "examples" / "json_pages"
CONFIG = {"api_key": "SG.practice"}
ROWS = [{"CONTACT_ID": str(n)} for n in range(90)]


def reports(method: str, path: str, query: dict[str, str], n: int) -> tuple[int, Any]:
    """The reports of the practice API: 201 with the id; running, running, done; rows by cursor."""
    if (method, path) == ("POST", "/v1/reports"):
        return 201, {"id": "r 1", "state": "running", "created_at": "2026-01-01T00:00:00Z"}
    if path == "/v1/reports/r 1" or path == "/v1/reports/r%201":
        return 200, {"id": "r 1", "state": "running" if n < 4 else "done"}
    start = int(query.get("cursor", "c0").removeprefix("c"))
    stop = min(start + int(query["limit"]), len(ROWS))
    return 200, {"items": ROWS[start:stop], "next": f"c{stop}" if stop < len(ROWS) else None, "total": len(ROWS)}


def run(made: Any, config: Any) -> tuple[Remote, Small]:
    assert [str(f) for f in made.findings if f.grave] == []
    remote = Remote(reports)
    small = Small(made.plan, config, remote)
    assert {j.phase for j in asyncio.run(small.run("rows")).values()} == {"done"}
    return remote, small


def test_manifest_and_resources_send_the_same_requests_and_give_the_same_records() -> None:
    manifest = load_manifest(
        "manifest.yaml", (EXAMPLE / "manifest.yaml").read_text(), Catalog(), config=CONFIG, now=lambda: 0.0
    )
    resources = load_resources("helper.json", (EXAMPLE / "helper.json").read_text(), Catalog(), config=CONFIG, now=lambda: 0.0)

    (one, first), (other, second) = run(manifest, CONFIG), run(resources, resources.config)

    assert [_plain(w) for w in one.sent] == [_plain(w) for w in other.sent] and len(one.sent) == 7
    assert [_shown(t) for t in first.traces] == [_shown(t) for t in second.traces]
    assert first.records("rows") == second.records("rows") == ROWS
    assert all("SG.practice" not in str(_shown(t)) for t in (*first.traces, *second.traces))


def _plain(wire: Any) -> tuple[str, str, dict[str, str], bytes]:
    return wire.method, wire.url.replace("r 1", "r%201"), wire.headers, wire.body  # what a client does with a blank in a path


def _shown(trace: Any) -> tuple[Any, ...]:
    return trace.title, trace.method, trace.url.replace("r 1", "r%201"), trace.headers, trace.body, trace.code, trace.verdict
