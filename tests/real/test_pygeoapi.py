"""OGC API Processes, served by pygeoapi and driven by examples/ogc_processes from the command line."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from desk import Desk, until
from pygeoapi_server import Pygeoapi

MANIFEST = Path(__file__).resolve().parents[2] / "examples" / "ogc_processes" / "manifest.yaml"

Ours = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, MANIFEST)


@pytest.fixture
def ours(pygeoapi: Pygeoapi) -> Ours:
    """The server's jobs that this test made."""
    before = {job["jobID"] for job in pygeoapi.jobs()}
    return lambda: [job for job in pygeoapi.jobs() if job["jobID"] not in before]


def echo(server: Pygeoapi, text: str, pause: float) -> dict[str, Any]:
    return {"base_url": server.origin, "process": "echo", "inputs": {"echoInput": text, "pause": pause}}


def test_one_execution_is_one_job_and_one_record(pygeoapi: Pygeoapi, desk: Desk, ours: Ours) -> None:
    desk.say(desk.order(echo(pygeoapi, "hello", 0.2)))
    assert desk.records() == [{"id": "echoOutput", "value": "hello"}]
    assert [job["status"] for job in ours()] == ["successful"]


def test_a_job_left_behind_is_taken_up_by_the_next_run(pygeoapi: Pygeoapi, desk: Desk, ours: Ours) -> None:
    desk.say(desk.order(echo(pygeoapi, "later", 0.2), "--no-wait"))
    assert len(ours()) == 1
    assert desk.records() == []
    desk.say(desk.order(echo(pygeoapi, "later", 0.2)))
    assert desk.records() == [{"id": "echoOutput", "value": "later"}]
    assert len(ours()) == 1


def only_job(desk: Desk) -> str:
    (line,) = desk.say(["jobs", "list", "--json", *desk.project]).splitlines()
    name: str = json.loads(line)["id"]
    return name


def test_a_job_that_no_process_has_is_dismissed_at_once(pygeoapi: Pygeoapi, desk: Desk, ours: Ours) -> None:
    desk.say(desk.order(echo(pygeoapi, "never", 42.0), "--no-wait"))
    assert len(ours()) == 1
    desk.say(["jobs", "cancel", only_job(desk), "--now", *desk.project])
    assert ours() == []


def test_the_run_that_has_a_job_dismisses_it_when_another_process_asks(pygeoapi: Pygeoapi, desk: Desk, ours: Ours) -> None:
    child = desk.start(desk.order(echo(pygeoapi, "never", 42.0)))
    try:
        until(lambda: len(ours()) == 1, child)
        desk.say(["jobs", "cancel", only_job(desk), *desk.project])
    finally:
        code, _, err = desk.ended(child)
    assert code == 1, err
    assert ours() == []


def test_sigterm_dismisses_the_remote_job(pygeoapi: Pygeoapi, desk: Desk, ours: Ours) -> None:
    child = desk.start(desk.order(echo(pygeoapi, "never", 42.0)))
    try:
        until(lambda: len(ours()) == 1, child)
        child.send_signal(signal.SIGTERM)
    finally:
        code, _, err = desk.ended(child)
    assert code != 0, err
    assert ours() == []
