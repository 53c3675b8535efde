"""Records are read to their end and counted, and go nowhere: for trying a connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from jobstream.plan.notes import Json
from jobstream.records.batch import Batch, PartKey


class Nothing:
    """Keeps nothing, so there is nothing to take back."""

    receipts: ClassVar[Literal["kept", "lent"]] = "kept"
    retracts: ClassVar[bool] = True

    def write(self, key: PartKey, epoch: int, batches: Iterator[Batch]) -> str:
        return f"{sum(map(len, batches))} records, nowhere"

    def retract(self, stream: str, job: str, attempt: int, epoch: int) -> None:
        """Nothing is there."""

    def checkpoint(self, stream: str, state: Json, position: int) -> None:
        """Nothing is kept."""
