"""OGC API Processes, served by pygeoapi and driven by examples/ogc_processes from the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pygeoapi_server import Pygeoapi

MANIFEST = Path(__file__).resolve().parents[2] / "examples" / "ogc_processes" / "manifest.yaml"
LIMIT_S = 60


@dataclass
class Desk:
    """A project of our own and the commands given in it. Jobs of other tests on the same server are not ours."""

    server: Pygeoapi
    here: Path
    before: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.before = {job["jobID"] for job in self.server.jobs()}

    def ask(self, text: str, pause: float) -> list[str]:
        """The command that runs the process once, for `pause` seconds."""
        config = self.here / "config.json"
        inputs = {"echoInput": text, "pause": pause}
        config.write_text(json.dumps({"base_url": self.server.origin, "process": "echo", "inputs": inputs}))
        return [
            "run",
            str(MANIFEST),
            "--config",
            str(config),
            "--to",
            str(self.here / "out"),
            "--format",
            "jsonl",
            *self.project,
        ]

    @property
    def project(self) -> list[str]:
        return ["--project", str(self.here)]

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "jobstream", *words]
        return subprocess.Popen(
            command, cwd=self.here, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def say(self, *words: str) -> str:
        """Runs a command to its good end; what it printed."""
        child = self.start(*words)
        try:
            out, err = child.communicate(timeout=LIMIT_S)
        finally:
            child.kill()
        assert child.returncode == 0, err
        return out

    def ours(self) -> list[dict[str, Any]]:
        return [job for job in self.server.jobs() if job["jobID"] not in self.before]

    def records(self) -> list[dict[str, Any]]:
        lines = [line for file in sorted(self.here.glob("out/**/*.jsonl")) for line in file.read_text().splitlines()]
        return [json.loads(line) for line in lines]

    def until(self, wanted: int) -> list[dict[str, Any]]:
        """Waits until the server has so many of our jobs."""
        end = time.monotonic() + LIMIT_S
        while len(found := self.ours()) != wanted:
            assert time.monotonic() < end, f"{len(found)} jobs at the server, not {wanted}"
            time.sleep(0.05)
        return found


@pytest.fixture
def desk(pygeoapi: Pygeoapi, tmp_path: Path) -> Desk:
    return Desk(pygeoapi, tmp_path)


def test_one_execution_is_one_job_and_one_record(desk: Desk) -> None:
    desk.say(*desk.ask("hello", 0.2))
    assert desk.records() == [{"id": "echoOutput", "value": "hello"}]
    assert [job["status"] for job in desk.ours()] == ["successful"]


def test_a_job_left_behind_is_taken_up_by_the_next_run(desk: Desk) -> None:
    desk.say(*desk.ask("later", 0.2), "--no-wait")
    assert len(desk.ours()) == 1
    assert desk.records() == []
    desk.say(*desk.ask("later", 0.2))
    assert desk.records() == [{"id": "echoOutput", "value": "later"}]
    assert len(desk.ours()) == 1


def test_cancel_dismisses_the_remote_job(desk: Desk) -> None:
    desk.say(*desk.ask("never", 42.0), "--no-wait")
    assert len(desk.ours()) == 1
    (job,) = json.loads(desk.say("jobs", "list", "--json", *desk.project))
    desk.say("jobs", "cancel", job["id"], *desk.project)
    assert desk.ours() == []


def test_sigterm_dismisses_the_remote_job(desk: Desk) -> None:
    child = desk.start(*desk.ask("never", 42.0))
    try:
        desk.until(1)
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=LIMIT_S)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode != 0, err
    assert desk.ours() == []
