"""What every dialect's `load` gives back."""

from __future__ import annotations

from typing import NamedTuple

from jobstream.plan.notes import Json
from jobstream.plan.places import SourceMap, Told
from jobstream.plan.source import SourcePlan


class Compiled(NamedTuple):
    """findings: in the order of the text; a grave one means that the plan must not run. spec: the JSON Schema of the config, where
    the document has one. config: what the plan is run with: the given one, with what the document itself holds of secrets."""

    plan: SourcePlan
    places: SourceMap
    findings: tuple[Told, ...]
    config: Json = None
    spec: Json = None

    @property
    def runs(self) -> bool:
        return not any(f.grave for f in self.findings)
