"""A list of values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

from jobstream.components.options import Options, opt
from jobstream.jobs.event import Slice
from jobstream.kinds import Feed
from jobstream.plan.notes import Text
from jobstream.template.language import Scope


class Values(Options, frozen=True):
    """One partition for each listed value."""

    field: Annotated[Text, opt("Name", "What templates call it.", sees="config", min_length=1)]
    values: Annotated[tuple[Text, ...] | Text, opt("Values", "Or one template that gives a list.", sees="config")]

    @property
    def parents(self) -> tuple[str, ...]:
        return ()

    def slices(self, feeds: Iterable[Feed], names: Scope) -> Iterator[Slice]:
        return (Slice(partition={self.field: v}) for v in self.values)
