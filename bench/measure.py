"""Runs one program to its end and says what it cost: only itself and its children, never the server or the harness."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Cost:
    """CPU is user + system of the process and of the children it waited for; peak is its largest resident set."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    code: int
    samples: list[tuple[float, float, float]] = field(default_factory=list)  # wall s, CPU s, resident MB
    words: str = ""


@dataclass
class Server:
    origin: str

    def get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(self.origin + path, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@contextlib.contextmanager
def server(folder: Path, latency: float = 0.0) -> Iterator[Server]:
    """The file and job server, in a process of its own; it ends with us, however we end."""
    child = subprocess.Popen(
        [sys.executable, str(HERE / "server.py"), str(folder), str(latency)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None and child.stdout is not None
    try:
        yield Server(child.stdout.readline().decode().strip())
    finally:
        child.stdin.close()
        child.stdout.close()
        child.wait()


def environment() -> dict[str, str]:
    """As a user has it: modules are compiled once, not in every process."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def run(command: list[str], place: Path, out: Path, *, limit_s: float = 900, every_s: float = 0) -> Cost:
    """Runs the command in `place` with its output in `out`; `every_s` > 0 samples its CPU and memory on the way."""
    words = place / "stderr"
    with out.open("wb") as stdout, words.open("wb") as stderr:
        start = time.monotonic()
        child = subprocess.Popen(
            command,
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            env=environment(),
        )
        samples: list[tuple[float, float, float]] = []
        over, status, usage = threading.Event(), -1, None
        watch = threading.Thread(target=_watch, args=(child.pid, start, limit_s, every_s, samples, over))
        watch.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
        finally:
            over.set()
            watch.join()
            if usage is None:
                _end(child.pid)
                os.wait4(child.pid, 0)
            child.returncode = status
        wall = time.monotonic() - start
    assert usage is not None
    tail = words.read_text("utf-8", "replace")[-2000:]
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status), samples, tail)


def _watch(
    pid: int, start: float, limit_s: float, every_s: float, samples: list[tuple[float, float, float]], over: threading.Event
) -> None:
    while not over.wait(every_s or max(0.0, limit_s - (time.monotonic() - start))):
        with contextlib.suppress(OSError, IndexError):
            parts = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            cpu = (int(parts[11]) + int(parts[12])) / _TICK
            samples.append((time.monotonic() - start, cpu, int(parts[21]) * _PAGE / 2**20))
        if time.monotonic() - start > limit_s:
            _end(pid)
            return


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
