"""What templates over a record see."""

from __future__ import annotations

from jobstream.jobs.event import Slice
from jobstream.plan.notes import Json
from jobstream.records.batch import Columns, Origin
from jobstream.template.language import Scope

MARKS = ("{{", "{%")


def is_constant(value: Json) -> bool:
    return not isinstance(value, str) or not any(m in value for m in MARKS)


def names_of(origin: Origin, config: Scope) -> Scope:
    """Without the record. config: the names of when the transform was built."""
    piece: Slice = origin.slice if origin.slice is not None else Slice()

    def about() -> Json:
        window = dict(zip(("start_time", "end_time"), piece.window or (), strict=False))
        return {"partition": piece.partition, "window": list(piece.window or ()), "extra": piece.extra,
                "flat": {**piece.extra, **piece.partition, **window}}  # fmt: skip

    return Scope({
        "config": lambda: config["config"], "slice": about, "target": lambda: {"value": origin.value, "tag": origin.tag},
        "job": lambda: {"key": origin.key.job, "attempt": origin.key.attempt},
    })  # fmt: skip


def renamed(columns: Columns, names: list[str]) -> Columns:
    """Of two columns that get the same name the last one stays, at the place of the first: as keys of a dict."""
    import pyarrow as pa

    at = {name: n for n, name in enumerate(names)}
    return pa.RecordBatch.from_arrays([columns.column(n) for n in at.values()], names=list(at))
