"""Real processes, cheaply: one process imports everything once, and each command runs in a child that it forks.

    with Nursery() as nursery:
        child = nursery.start(["run", ...], out, kill=("after", 3))
        code = nursery.ended(child)           # as subprocess has it: -9 for a SIGKILL

A child is what `python -m jobstream` would be: its own pid, its own files, its own end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

LIMIT_S = 60.0


class Child(NamedTuple):
    pid: int
    out: Path
    err: Path

    def signal(self, which: int) -> None:
        os.kill(self.pid, which)

    def said(self) -> str:
        """Standard error."""
        return self.err.read_text()


class Nursery:
    def __enter__(self) -> Nursery:
        self._mother = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._n = 0
        return self

    def __exit__(self, *_: object) -> None:
        assert self._mother.stdin is not None and self._mother.stdout is not None
        self._mother.stdin.close()
        self._mother.wait(10)
        self._mother.stdout.close()

    def start(self, argv: list[str], folder: Path, kill: tuple[str, int] | None = None) -> Child:
        """folder: standard output and error go to files in it."""
        self._n += 1
        out, err = folder / f"{self._n}.out", folder / f"{self._n}.err"
        err.touch()
        pid = self._ask({"argv": argv, "kill": kill, "out": str(out), "err": str(err), "cwd": str(folder)})
        return Child(pid, out, err)

    def ended(self, child: Child, within: float = LIMIT_S, *, killing: bool = False) -> int:
        """killing: who does not end in time is killed, and that is meant."""
        code = self._ask({"wait": child.pid, "within": within})
        assert killing or code is not None, f"it does not end:\n{child.said()[-2000:]}"
        return -signal.SIGKILL if code is None else int(code)

    def end(self, child: Child) -> None:
        """Kills it, if it is still there."""
        self._ask({"wait": child.pid, "within": 0.0})

    def run(self, argv: list[str], folder: Path, kill: tuple[str, int] | None = None) -> tuple[int, Child]:
        child = self.start(argv, folder, kill)
        return self.ended(child), child

    def _ask(self, what: dict[str, Any]) -> Any:
        assert self._mother.stdin is not None and self._mother.stdout is not None
        self._mother.stdin.write(json.dumps(what) + "\n")
        self._mother.stdin.flush()
        return json.loads(self._mother.stdout.readline())


def _import_all() -> None:
    """What a run needs, so that a child has nothing to read. No thread is begun."""


def _child(order: dict[str, Any]) -> None:
    os.chdir(order["cwd"])
    for handle, name in ((0, os.devnull), (1, order["out"]), (2, order["err"])):
        opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, handle)
        os.close(opened)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", buffering=1, closefd=False)
    if order["kill"]:
        import dying

        dying.arm(*order["kill"])
    from jobstream.cli.main import run

    code = 1
    try:
        code = run(order["argv"])
    except SystemExit as e:
        code = int(e.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


_ENDED: dict[int, int] = {}


def _wait(pid: int, within: float) -> int | None:
    """None: it was ended here, because it did not end."""
    if pid in _ENDED:
        return _ENDED[pid]
    end = time.monotonic() + within
    while True:
        got, status = os.waitpid(pid, os.WNOHANG)
        if got:
            return _ENDED.setdefault(pid, os.waitstatus_to_exitcode(status))
        if time.monotonic() >= end:
            break
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    _ENDED[pid] = -signal.SIGKILL
    return None


def _serve() -> None:
    _import_all()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            said: Any = _wait(order["wait"], order["within"])
        else:
            said = os.fork()
            if said == 0:
                _child(order)
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    _serve()
