"""The records of a parent stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

from jobstream.components.options import Options, opt
from jobstream.jobs.event import Slice
from jobstream.kinds import Feed
from jobstream.meaning.read import pick
from jobstream.plan.exchange import Read
from jobstream.template.language import Scope


class Parent(Options, frozen=True):
    """One partition for each record of another stream. The engine reads that stream by the same machine and feeds it here."""

    stream: Annotated[str, opt("Parent stream", min_length=1)]
    key: Annotated[tuple[str, ...], opt("Key", "Path of the value in a parent's record; a record without it is passed over.")]
    field: Annotated[str, opt("Name", "What templates call the value.", min_length=1)]

    extra: Annotated[
        tuple[tuple[str, ...], ...],
        opt(
            "Extra fields",
            "Paths in a parent's record; templates see them by their keys joined with a dot, absent ones as null.",
        ),
    ] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        return (self.stream,)

    def slices(self, feeds: Iterable[Feed], names: Scope) -> Iterator[Slice]:
        for feed in feeds:
            for row in feed.rows:
                for value in pick(row, Read(self.key))[:1]:
                    extra = {".".join(path): next(iter(pick(row, Read(path))), None) for path in self.extra}
                    yield Slice(partition={self.field: value, "parent_slice": feed.slice.partition}, extra=extra)
