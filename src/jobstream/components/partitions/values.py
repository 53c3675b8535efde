"""A list of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated

import msgspec

from jobstream.components.options import Options, opt
from jobstream.jobs.event import Slice
from jobstream.kinds import Build, Feed
from jobstream.plan.notes import Json, Text
from jobstream.template.language import Scope, TemplateFault


class Values(Options, frozen=True):
    """One partition for each listed value."""

    field: Annotated[Text, opt("Name", "What templates call it.", sees="config", min_length=1)]
    values: Annotated[tuple[Text, ...] | Text, opt("Values", "Or one template that gives a list.", sees="config")]

    def build(self, build: Build) -> object:
        whole = build.value(self.values) if isinstance(self.values, str) else None
        each = () if isinstance(self.values, str) else tuple(build.text(v) for v in self.values)
        return Listed(build.text(self.field), whole, each, build.names)


class Listed(msgspec.Struct, frozen=True):
    field: Callable[[Scope], str]
    whole: Callable[[Scope], Json] | None
    each: tuple[Callable[[Scope], str], ...]
    config: Scope

    @property
    def parents(self) -> tuple[str, ...]:
        return ()

    def slices(self, feeds: Iterable[Feed], names: Scope) -> Iterator[Slice]:
        """Raises TemplateFault where the template gives no list."""
        values = self.whole(self.config) if self.whole else [v(self.config) for v in self.each]
        if not isinstance(values, list | tuple):
            raise TemplateFault(f"the partition values are {values!r}, which is no list")
        field = self.field(self.config)
        return (Slice(partition={field: v}) for v in values)
