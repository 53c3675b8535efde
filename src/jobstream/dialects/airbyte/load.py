"""A manifest, whole: text in, plan and every mistake out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jobstream.dialects.airbyte.faults import Faults
from jobstream.dialects.airbyte.places import Manifest
from jobstream.dialects.airbyte.spec import spec_in, spec_of, with_defaults
from jobstream.dialects.compiled import Compiled
from jobstream.documents.text import Text, read
from jobstream.plan.notes import Json
from jobstream.plan.places import SourceMap

if TYPE_CHECKING:
    from jobstream.components.catalog import Catalog


def load(name: str, text: str, catalog: Catalog, *, config: Json | None = None, now: Callable[[], float]) -> Compiled:
    """config: absent, what needs it is left open: enough to validate, not to run. Raises DocumentError where the text cannot
    be read at all; every other mistake is a finding."""
    return compiled(read(name, text), catalog, config=config, now=now)


def compiled(text: Text, catalog: Catalog, *, config: Json | None = None, now: Callable[[], float]) -> Compiled:
    from jobstream.components.lint import lint
    from jobstream.dialects.airbyte.context import Context
    from jobstream.dialects.airbyte.source import named, source
    from jobstream.dialects.airbyte.texts import Texts

    faults = Faults(text)
    for r in text.repeats:
        faults.warn("duplicate_key", r.pointer, "", f"line {r.first} has it too; this one counts")
    spec = spec_in(text)
    config = with_defaults(config, spec["connectionSpecification"])
    c = Context(Manifest(text, faults), catalog, Texts(config, now))
    plan = source(c, named(text.name))
    places = SourceMap(c.places(plan))
    for f in lint(plan, catalog, c.texts.language):
        origin = places.find(f.at)
        faults.tell(f.code, origin.pointer if origin else "", f.saw, f.hint, grave=not f.warning)
    return Compiled(plan, places, faults.sorted(), spec, config)


__all__ = ["Compiled", "compiled", "load", "spec_of"]
