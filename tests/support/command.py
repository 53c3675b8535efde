"""The command line in this process: `call` runs it and gives back what a shell would see."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from jobstream.cli.main import run

EXAMPLES = Path(__file__).parents[2] / "examples"
ORIGIN = "https://api.sendgrid.com"


class Called(NamedTuple):
    code: int
    out: str
    err: str

    def lines(self) -> list[Any]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def call(*argv: object) -> Called:
    """For commands that write through Python; what goes past it to the file descriptor is seen by `call_piped`."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = run([str(a) for a in argv])
        except SystemExit as e:
            code = int(e.code or 0)
    return Called(code, out.getvalue(), err.getvalue())


def call_piped(folder: Path, *argv: object) -> Called:
    """With descriptor 1 going to a file: as bytes past Python's buffers do."""
    there = folder / "stdout.bin"
    saved = os.dup(1)
    handle = os.open(there, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    try:
        err = io.StringIO()
        with contextlib.redirect_stderr(err), os.fdopen(os.dup(1), "w", closefd=True) as out, contextlib.redirect_stdout(out):
            code = run([str(a) for a in argv])
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(handle)
    return Called(code, there.read_text(), err.getvalue())


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """Records of JSON lines files, in the order of file names."""
    return [json.loads(line) for f in sorted(folder.glob("*.jsonl")) for line in f.read_text().splitlines()]
