"""Batches through transforms: columns while all can, rows for the step that cannot; the books balance."""

from __future__ import annotations

from typing import Any

import msgspec
import pyarrow as pa

from jobstream.records.batch import Batch, Columns, Origin, PartKey, Row
from jobstream.records.counts import Tally
from jobstream.records.flow import flow

ORIGIN = Origin(PartKey("s", "j", 1, 0, 0))


class Keep(msgspec.Struct):
    """Keeps records whose `n` is not `but`."""

    but: str
    on_columns: bool

    def rows(self, rows: list[Row], origin: Origin) -> list[Row]:
        return [r for r in rows if r["n"] != self.but]

    def columns(self, columns: Columns, origin: Origin) -> Columns:
        return columns.filter(pa.array([v != self.but for v in columns.column("n").to_pylist()]))


def batch(*values: str) -> Batch:
    return Batch(pa.RecordBatch.from_pydict({"n": list(values)}))


def through(batches: list[Batch], *transforms: Keep, **more: Any) -> tuple[list[Row], Tally]:
    tally = Tally()
    return [r for b in flow(batches, transforms, tally, ORIGIN, **more) for r in b.rows()], tally


def test_columns_stay_columns_until_a_step_needs_rows() -> None:
    kept, tally = through([batch("1", "2", "3"), batch("4")], Keep("2", on_columns=True), Keep("3", on_columns=False))

    assert [r["n"] for r in kept] == ["1", "4"]
    assert (tally.read, tally.kept, tally.filtered, tally.fell_to_rows) == (4, 2, 2, 3)


def test_both_ways_give_the_same_and_a_batch_that_is_empty_is_left_out() -> None:
    seen: list[int] = []
    by_columns, _ = through([batch("1"), batch("2")], Keep("1", on_columns=True), observe=lambda b: seen.append(len(b)))
    by_rows, _ = through([batch("1"), batch("2")], Keep("1", on_columns=False))

    assert by_columns == by_rows == [{"n": "2"}] and seen == [1]
