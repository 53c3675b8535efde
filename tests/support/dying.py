"""Runs the real command in this process, which kills itself (SIGKILL) at a chosen moment.

    python dying.py WHEN N ARGUMENTS...

    before, after   its N-th commit to the ledger
    flow            all records of the N-th part were handed to the destination, which has not named its file
    named           the N-th part has its receipt, which the ledger does not know

N counts from 0; a run with fewer of them ends as it would. What is killed is the real thing: real command line, HTTP, SQLite,
spool, files. Nothing is cleaned up, nothing is flushed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from itertools import count
from typing import Any

from jobstream.cli.main import run
from jobstream.destinations.files import Files
from jobstream.engine import bring
from jobstream.ledger.sqlite import SqliteLedger

WHEN = ("before", "after", "flow", "named")


def arm(when: str, nth: int) -> None:
    """From here on this process is doomed."""

    def at(n: int, now: str) -> None:
        if now == when and n == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    append: Any = SqliteLedger._append
    flow: Any = vars(bring)["flow"]
    write: Any = Files.write
    commits, flows, parts = count(), count(), count()

    def appending(self: SqliteLedger, *args: Any) -> Any:
        n = next(commits)
        at(n, "before")
        got = append(self, *args)
        at(n, "after")
        return got

    def flowing(*args: Any) -> Iterator[Any]:
        yield from flow(*args)
        at(next(flows), "flow")

    def writing(self: Files, *args: Any) -> Any:
        got = write(self, *args)
        at(next(parts), "named")
        return got

    for owner, name, armed in ((SqliteLedger, "_append", appending), (Files, "write", writing), (bring, "flow", flowing)):
        setattr(owner, name, armed)


def main() -> int:
    arm(sys.argv[1], int(sys.argv[2]))
    return run(sys.argv[3:])


if __name__ == "__main__":
    sys.exit(main())
