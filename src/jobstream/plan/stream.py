"""One named sequence of records: how it is had, decoded, cut and kept up to date."""

from __future__ import annotations

from typing import Annotated

from jobstream.plan.component import Component, Frozen
from jobstream.plan.exchange import Read
from jobstream.plan.notes import Bytes, Json, Many, Seconds, opt
from jobstream.plan.retrieval import Retrieval


class Records(Frozen, frozen=True, kw_only=True):
    """Bytes -> records: decode, select, then the transforms in order (a filter is one of them)."""

    decoder: Annotated[Component, opt("Format", kind="decoder", sees="fetch")]
    select: Read = Read()
    transforms: Annotated[tuple[Component, ...], opt("Transforms", kind="transform", sees="record")] = ()
    batch_rows: Many = 20_000
    batch_bytes: Bytes = 16 << 20


class Limits(Frozen, frozen=True, kw_only=True):
    """A test read is this. None: no limit."""

    slices: Many | None = None
    parts: Many | None = None
    records: Many | None = None
    deadline: Seconds | None = None


class StreamPlan(Frozen, frozen=True, kw_only=True):
    """in_flight: jobs of this stream planned ahead. hidden: read only as a parent."""

    name: str
    retrieval: Retrieval
    records: Records
    partitions: Annotated[Component | None, opt("Partitions", kind="partitions", sees="slice")] = None
    cursor: Annotated[Component | None, opt("Cursor", kind="cursor", sees="config")] = None
    key: tuple[tuple[str, ...], ...] = ()
    schema: dict[str, Json] | None = None  # JSON Schema of a record, where the document has one
    limits: Limits = Limits()
    in_flight: Many = 10_000
    hidden: bool = False
