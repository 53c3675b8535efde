"""A file for each part: its name is its key, and it appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec

from jobstream.components.options import Options, opt
from jobstream.plan.notes import Json
from jobstream.ports import Fenced
from jobstream.records.batch import Batch, PartKey


class Files(Options, frozen=True):
    """JSON lines, one file for each part, in a folder for each stream. Twice is once; an attempt can be taken back."""

    folder: Annotated[str, opt("Folder", min_length=1)]

    receipts: ClassVar[Literal["kept", "lent"]] = "kept"
    retracts: ClassVar[bool] = True

    def write(self, key: PartKey, epoch: int, batches: Iterator[Batch]) -> str:
        """Raises Fenced when a newer owner has taken an attempt of this job back."""
        there = Path(self.folder, key.stream)
        there.mkdir(parents=True, exist_ok=True)
        final = there / f"{key.job}.{key.attempt}.{key.target}.{key.part}.jsonl"
        half, n = there / f".{final.name}.{epoch}", 0
        with half.open("wb") as out:
            for b in batches:  # pulled to the end even if the file is there: the counts come from it
                out.write(msgspec.json.Encoder().encode_lines(b.rows()))
                n += len(b)
            out.flush()
            os.fsync(out.fileno())
        if epoch < self._epoch(there, key.job):
            half.unlink()
            raise Fenced(key.job)
        half.replace(final)
        return f"{n} in {final.name}"

    def retract(self, stream: str, job: str, attempt: int, epoch: int) -> None:
        there = Path(self.folder, stream)
        if epoch < self._epoch(there, job):
            raise Fenced(job)
        there.mkdir(parents=True, exist_ok=True)
        (there / f".{job}.epoch").write_text(str(epoch))
        for part in there.glob(f"{job}.*.jsonl"):
            if int(part.name.split(".")[1]) <= attempt:
                part.unlink()

    def checkpoint(self, stream: str, state: Json, position: int) -> None:
        """Kept in the ledger; a destination that can store it with the rows may."""

    def _epoch(self, there: Path, job: str) -> int:
        file = there / f".{job}.epoch"
        return int(file.read_text()) if file.exists() else 0
