"""Runs the real command in this process, which kills itself (SIGKILL) at its n-th commit to the ledger.

    python dying.py before|after N ARGUMENTS...     N counts from 0; a run with fewer commits ends as it would

What is killed is the real thing: real command line, HTTP, SQLite, spool, files. Nothing is cleaned up, nothing is flushed."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from jobstream.cli.main import run
from jobstream.ledger.sqlite import SqliteLedger


def main() -> int:
    when, nth, argv = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    append: Any = SqliteLedger._append
    commits = iter(range(1 << 60))

    def dying(self: SqliteLedger, *args: Any) -> Any:
        n = next(commits)
        if n == nth and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        got = append(self, *args)
        if n == nth and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return got

    patched: Any = SqliteLedger
    patched._append = dying
    code = run(argv)
    print(f"commits: {next(commits)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
