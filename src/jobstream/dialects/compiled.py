"""What a dialect makes of a document: a plan, where each piece of it was written, and every mistake."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from jobstream.components.options import Finding
from jobstream.plan.notes import Json
from jobstream.plan.places import SourceMap
from jobstream.plan.source import SourcePlan


class Compiled(Struct, frozen=True, kw_only=True):
    """name      of the document, as the person gave it
    places    plan pointer -> document, JSON path, line
    findings  mistakes (and, with code `ignored`, what has no effect); `at` is a plan pointer or one into the document
    config    what the document itself held of secrets, laid under the person's config
    spec      connection specification: a JSON Schema of the config, {} where there is none
    """

    name: str
    plan: SourcePlan
    places: SourceMap
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    config: dict[str, Json] = {}
    spec: dict[str, Json] = {}

    def faults(self) -> Iterator[str]:
        """One text a mistake: `manifest.yaml:31 streams/0/...: message`."""
        for f in self.findings:
            yield self.places.tell(f.code, f.at, f.saw, f.hint)
