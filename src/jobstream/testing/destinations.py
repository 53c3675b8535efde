"""A keyed destination, and a pipe with the platform behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from jobstream.plan.notes import Json
from jobstream.ports import Fenced
from jobstream.records.batch import Batch, PartKey, Row

Alive = Callable[[str], None]


class Keyed:
    """Rows and key in one transaction; twice is once. alive(point): where a kill may strike."""

    receipts: Literal["kept", "lent"] = "kept"

    def __init__(self, retracts: bool, alive: Alive = lambda point: None) -> None:
        self.retracts, self._alive = retracts, alive
        self.parts: dict[PartKey, list[Row]] = {}
        self.retractions: dict[tuple[str, int], int] = {}
        self._epochs: dict[str, int] = {}
        self.repeats = 0
        self.states: dict[str, tuple[Json, int]] = {}

    def write(self, key: PartKey, epoch: int, batches: Iterator[Batch]) -> str:
        self._alive("write.before")
        rows = [r for b in batches for r in b.rows()]
        if epoch < self._epochs.get(key.job, 0):
            raise Fenced(f"{key.job}: an attempt of it was taken back by epoch {self._epochs[key.job]}")
        self.repeats += key in self.parts
        self.parts.setdefault(key, rows)
        self._alive("write.after")
        return f"{len(rows)}"

    def retract(self, stream: str, job: str, attempt: int, epoch: int) -> None:
        self._alive("retract.before")
        if epoch < self._epochs.get(job, 0):
            raise Fenced(job)
        self._epochs[job] = epoch
        self.retractions[job, attempt] = epoch
        for key in [k for k in self.parts if k.job == job and k.attempt <= attempt]:
            del self.parts[key]
        self._alive("retract.after")

    def checkpoint(self, stream: str, state: Json, position: int) -> None:
        self._alive("checkpoint")
        self.states[stream] = (state, position)


class Pipe:
    """stdout of one process. `committed` is what an Airbyte platform keeps: lines before the last STATE."""

    receipts: Literal["kept", "lent"] = "lent"
    retracts = False

    def __init__(self, alive: Alive = lambda point: None) -> None:
        self._alive = alive
        self.lines: list[Row] = []
        self.committed = 0
        self.given: int | None = None

    def write(self, key: PartKey, epoch: int, batches: Iterator[Batch]) -> str:
        n = 0
        for b in batches:
            for row in b.rows():
                self._alive("line")
                self.lines.append(row)
                n += 1
        return f"{n}"

    def retract(self, stream: str, job: str, attempt: int, epoch: int) -> None:
        raise AssertionError("lines cannot be taken back")

    def checkpoint(self, stream: str, state: Json, position: int) -> None:
        self._alive("state")
        self.committed, self.given = len(self.lines), position
