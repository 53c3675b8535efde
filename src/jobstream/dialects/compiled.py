"""What every dialect's `load` gives back."""

from __future__ import annotations

from msgspec import Struct

from jobstream.plan.notes import Json
from jobstream.plan.places import SourceMap, Told
from jobstream.plan.source import SourcePlan


class Compiled(Struct, frozen=True):
    """findings: in the order of the text; with a grave one there is a plan too, which must not be run.
    spec: JSON Schema of the config, where the document has one.
    config: what the plan is run with: the given one, and beside it what the document itself holds of secrets."""

    plan: SourcePlan
    places: SourceMap
    findings: tuple[Told, ...]
    spec: dict[str, Json] = {}
    config: Json = None

    @property
    def faults(self) -> tuple[Told, ...]:
        return tuple(f for f in self.findings if f.grave)

    @property
    def warnings(self) -> tuple[Told, ...]:
        return tuple(f for f in self.findings if not f.grave)
