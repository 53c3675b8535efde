"""Spiders as jobs, run by scrapyd and driven by examples/scrapyd from the command line: several jobs of one stream, JSON lines."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from desk import Desk, until
from scrapyd_server import Scrapyd

MANIFEST = Path(__file__).resolve().parents[2] / "examples" / "scrapyd" / "manifest.yaml"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, MANIFEST)


def rows(server: Scrapyd, counts: list[str], delay: float, **other: str) -> dict[str, Any]:
    return {"base_url": server.origin, "project": "works", "spider": "rows", "rows": counts, "delay": delay} | other


def test_a_job_for_each_partition_and_all_their_items(scrapyd: Scrapyd, desk: Desk) -> None:
    before = len(scrapyd.jobs()["finished"])
    desk.say(desk.order(rows(scrapyd, ["3", "2"], 0.1)))
    assert sorted(record["name"] for record in desk.records()) == ["row 0", "row 0", "row 1", "row 1", "row 2"]
    assert len(scrapyd.jobs()["finished"]) == before + 2


def test_a_refusal_told_with_status_200_is_an_error_in_the_servers_words(scrapyd: Scrapyd, desk: Desk) -> None:
    code, out, err = desk.ended(desk.start(desk.order(rows(scrapyd, ["1"], 0, project="nowhere"))))
    assert code == 1, out + err
    assert "project 'nowhere' not found" in out + err
    assert desk.records() == []


def test_sigterm_cancels_what_runs(scrapyd: Scrapyd, desk: Desk) -> None:
    before = {job["id"] for job in scrapyd.jobs()["finished"]}
    child = desk.start(desk.order(rows(scrapyd, ["1"], 300)))
    try:
        until(lambda: len(scrapyd.jobs()["running"]) == 1, child)
        child.send_signal(signal.SIGTERM)
    finally:
        code, _, err = desk.ended(child)
    assert code != 0, err
    (job,) = [job for job in scrapyd.jobs()["running"] + scrapyd.jobs()["finished"] if job["id"] not in before]
    assert scrapyd.ended(job["id"])
