"""JSON lines in files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, ClassVar

from jobstream.plan.component import Frozen
from jobstream.records.batch import Batch
from jobstream.records.lines import plain_lines

if TYPE_CHECKING:
    from jobstream.destinations.files import Place


class Jsonl(Frozen, frozen=True, kw_only=True):
    """JSON lines: a record on each line, as it came: its own members, in their order, with its nulls."""

    suffix: ClassVar[str] = ".jsonl"

    def write(self, out: BinaryIO, batches: Iterator[Batch], place: Place) -> int:
        n = 0
        for batch in batches:
            out.write(plain_lines(batch))
            n += len(batch)
        return n
