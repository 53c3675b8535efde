"""JSON lines on standard output, for whoever reads the pipe."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import ClassVar, Literal

from jobstream.destinations.pipe import Pipe
from jobstream.errors import Defect
from jobstream.plan.notes import Json
from jobstream.records.batch import Batch, PartKey
from jobstream.records.lines import plain_lines

KEPT = "~standard output"  # the name among a shard's checkpoints under which `said` is kept; no stream is called so


class Stdout:
    """A pipe says nothing back, so a line that was written is not yet kept: who reads may die with it.

    said  by stream, the ledger position that the lines so far cover. Whoever runs us keeps it when the run has come to its own
    end (as the checkpoint KEPT: it must vanish with its ledger), and hands it to the next run as the state that came back.
    After a kill that of the run before stands, and what the killed run wrote comes again: at least once, and exactly once over
    the runs that ended."""

    receipts: ClassVar[Literal["kept", "lent"]] = "lent"
    retracts: ClassVar[bool] = False

    def __init__(self, pipe: Pipe) -> None:
        self._pipe, self._guard = pipe, threading.Lock()
        self.said: dict[str, int] = {}

    def write(self, key: PartKey, epoch: int, batches: Iterator[Batch]) -> str:
        """Raises ReaderGone, KeepingError."""
        n = 0
        for batch in batches:
            self._pipe.write(plain_lines(batch))
            n += len(batch)
        return f"{n} records on standard output"

    def retract(self, stream: str, job: str, attempt: int, epoch: int) -> None:
        raise Defect("lines that were written cannot be taken back")

    def checkpoint(self, stream: str, state: Json, position: int) -> None:
        with self._guard:
            self.said[stream] = max(position, self.said.get(stream, 0))
