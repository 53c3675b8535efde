"""A project in a folder, and commands given in it, each a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT_S = 60


@dataclass(frozen=True)
class Desk:
    here: Path
    manifest: Path

    def order(self, config: dict[str, Any], *more: str) -> list[str]:
        """The words of `run`: the manifest with this config, to JSON lines under out/."""
        path = self.here / "config.json"
        path.write_text(json.dumps(config))
        return [
            "run",
            str(self.manifest),
            "--config",
            str(path),
            "--to",
            str(self.here / "out"),
            "--format",
            "jsonl",
            *more,
            *self.project,
        ]

    @property
    def project(self) -> list[str]:
        return ["--project", str(self.here)]

    def start(self, words: list[str]) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "jobstream", *words]
        return subprocess.Popen(
            command, cwd=self.here, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def say(self, words: list[str]) -> str:
        """Runs a command to its good end; what it printed."""
        code, out, err = self.ended(self.start(words))
        assert code == 0, f"{words[:1]} ended {code}\n{out}\n{err}"
        return out

    def ended(self, child: subprocess.Popen[str]) -> tuple[int, str, str]:
        """(exit code, standard output, standard error)"""
        try:
            out, err = child.communicate(timeout=LIMIT_S)
        finally:
            child.kill()
            child.communicate()
        return child.returncode, out, err

    def records(self) -> list[dict[str, Any]]:
        lines = [line for file in sorted(self.here.glob("out/**/*.jsonl")) for line in file.read_text().splitlines()]
        return [json.loads(line) for line in lines]


def until(true: Callable[[], bool], child: subprocess.Popen[str]) -> None:
    """Asks again and again while the command runs, for a minute at most."""
    end = time.monotonic() + LIMIT_S
    while not true():
        assert child.poll() is None, f"ended {child.returncode}: {child.communicate()}"
        assert time.monotonic() < end, "not within a minute"
        time.sleep(0.05)
