"""What a dialect makes of a document: a plan, where each piece of it was written, and every mistake."""

from __future__ import annotations

from msgspec import Struct

from jobstream.plan.notes import Json
from jobstream.plan.places import SourceMap, Told
from jobstream.plan.source import SourcePlan


class Compiled(Struct, frozen=True):
    """findings: in the order of the text. A plan stands there also when they are grave; it must not be run then.

    spec    what the source asks of its user, as Airbyte's SPEC message has it; {}: nothing is said
    config  what to run with: the given one, with defaults and what the document itself holds of secrets laid under"""

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
