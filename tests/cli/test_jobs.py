"""`jobstream jobs`: what was asked of the API, read and used by people."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from command import call, rows_of

World = list[Any]


@pytest.fixture
def waiting(tmp_path: Path, world: World) -> dict[str, Any]:
    """A job that was created and is not waited for."""
    assert call("run", *world, "--no-wait", "--to", tmp_path / "out", "--quiet").code == 0
    (job,) = call("jobs", "list", "--json", "--project", tmp_path).lines()
    return dict(job)


def test_a_list_names_stream_phase_and_the_apis_own_id(tmp_path: Path, waiting: dict[str, Any]) -> None:
    got = call("jobs", "list", "--project", tmp_path)

    head, row = got.out.splitlines()
    assert head.split()[:3] == ["job", "source", "stream"] and waiting["api_id"] in row and "running" in row


def test_show_tells_the_timeline_by_any_piece_of_an_id(tmp_path: Path, waiting: dict[str, Any]) -> None:
    got = call("jobs", "show", waiting["id"][16:26], "--project", tmp_path)

    assert got.code == 0 and "creation sent" in got.out and waiting["api_id"] in got.out


def test_a_cancel_is_a_request_that_the_next_owner_obeys(tmp_path: Path, world: World, waiting: dict[str, Any]) -> None:
    asked = call("jobs", "cancel", waiting["id"], "--project", tmp_path)
    collected = call("jobs", "collect", "--to", tmp_path / "out", *world[3:])

    assert "cancel asked" in asked.out and "no process runs" in asked.err
    assert collected.code == 1 and "cancelled" in collected.err and rows_of(tmp_path / "out" / "contacts") == []


def test_cancel_now_ends_the_job_without_a_running_process(tmp_path: Path, world: World, waiting: dict[str, Any]) -> None:
    assert call("jobs", "cancel", waiting["id"], "--now", *world[3:]).code == 0

    (job,) = call("jobs", "list", "--json", "--project", tmp_path).lines()
    assert job["phase"] == "cancelled"


def test_what_could_not_be_aborted_is_listed_as_an_orphan(tmp_path: Path, world: World, waiting: dict[str, Any]) -> None:
    """The manifest of the seed has no abort request, so the remote job runs on."""
    call("jobs", "cancel", waiting["id"], "--now", *world[3:])

    (orphan,) = call("jobs", "orphans", "--json", "--project", tmp_path).lines()

    assert orphan["api_id"] == waiting["api_id"]


def test_prune_forgets_what_has_ended_and_keeps_what_lives(tmp_path: Path, world: World, waiting: dict[str, Any]) -> None:
    assert "0 jobs" in call("jobs", "prune", "--older", "0s", "--project", tmp_path).out
    assert call("jobs", "collect", "--to", tmp_path / "out", *world[3:]).code == 0

    assert "1 jobs" in call("jobs", "prune", "--older", "0s", "--project", tmp_path).out
    assert call("jobs", "list", "--project", tmp_path).err.startswith("no jobs")


def test_the_events_as_json_show_answers_as_text_and_no_signature(
    tmp_path: Path, world: World, waiting: dict[str, Any]
) -> None:
    assert call("jobs", "collect", "--to", tmp_path / "out", *world[3:]).code == 0

    told = call("jobs", "show", waiting["id"], "--json", "--project", tmp_path)

    (ready,) = [line["event"]["answer"] for line in told.lines() if line["event"]["event"] == "status_seen"]
    body = json.loads(ready["body"])
    assert body["status"] == "ready" and all("X-Amz-Signature=****" in url for url in body["urls"])
    assert not re.search(r"X-Amz-Signature=[0-9a-f]", told.out)


@pytest.mark.parametrize(("write", "rows"), [("auto", 60), ("replace", 60), ("append", 120)])
def test_what_is_collected_takes_the_place_of_what_an_earlier_run_has_delivered(
    tmp_path: Path, world: World, write: str, rows: int
) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        assert call("run", *world, "--no-wait", "--quiet").code == 0
        assert call("jobs", "collect", "--to", out, "--write", write, "--quiet", *world[3:]).code == 0

    assert len(rows_of(out / "contacts")) == rows


def test_another_source_with_a_stream_of_the_same_name_loses_nothing(tmp_path: Path, manifest: Path, world: World) -> None:
    other = manifest.with_name("other.yaml")
    other.write_text(manifest.read_text())
    for document in (manifest, other, manifest):
        assert call("run", document, *world[1:], "--to", tmp_path / "out", "--quiet").code == 0

    assert len(rows_of(tmp_path / "out" / "contacts")) == 120
