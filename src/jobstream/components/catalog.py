"""THE LIST: one line a component, as text, so that nothing is imported before a plan names it. An installed package adds lines of
the same form by the entry point group `jobstream.components`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import cast

import msgspec

from jobstream.components.options import Finding, Options, check, hints_of, nearest
from jobstream.kinds import SEEN_FROM
from jobstream.plan.component import Component
from jobstream.plan.notes import Json
from jobstream.template.language import Language, Scope

_HERE = "jobstream.components."
LINES: dict[str, str] = {
    "auth.api_key": _HERE + "auth.api_key:ApiKey",
    "auth.basic": _HERE + "auth.basic:Basic",
    "auth.bearer": _HERE + "auth.bearer:Bearer",
    "auth.oauth": _HERE + "auth.oauth:OAuth",
    "cursor.datetime": _HERE + "cursors.datetime:Datetime",
    "decoder.composite": _HERE + "decoders.composite:Composite",
    "decoder.csv": _HERE + "decoders.csv:Csv",
    "decoder.gzip": _HERE + "decoders.gzip:Gzip",
    "decoder.json": _HERE + "decoders.json:JsonDocument",
    "decoder.jsonl": _HERE + "decoders.jsonl:Jsonl",
    "decoder.xml": _HERE + "decoders.xml:Xml",
    "decoder.zip": _HERE + "decoders.zip:Zip",
    "paginator.cursor": _HERE + "pagination.cursor:CursorPages",
    "paginator.header": _HERE + "pagination.header:HeaderPages",
    "paginator.link": _HERE + "pagination.link:LinkPages",
    "paginator.offset": _HERE + "pagination.offset:OffsetPages",
    "paginator.page": _HERE + "pagination.page:NumberedPages",
    "partitions.list": _HERE + "partitions.values:Values",
    "partitions.parent": _HERE + "partitions.parent:Parent",
    "transform.add_fields": _HERE + "transforms.add_fields:AddFields",
    "transform.cast": _HERE + "transforms.cast:Cast",
    "transform.filter": _HERE + "transforms.filter:Filter",
    "transform.flatten": _HERE + "transforms.flatten:Flatten",
    "transform.keys_replace": _HERE + "transforms.keys:KeysReplace",
    "transform.keys_to_lower": _HERE + "transforms.keys:KeysToLower",
    "transform.keys_to_snake_case": _HERE + "transforms.keys:KeysToSnakeCase",
    "transform.remove_fields": _HERE + "transforms.remove_fields:RemoveFields",
    "transform.reshape": _HERE + "transforms.reshape:Reshape",
}


def installed() -> dict[str, str]:
    return {e.name: e.value for e in entry_points(group="jobstream.components")}


class Catalog:
    """Finds, checks and builds. Made once for a run, in app.py.

    config  what the templates see that are read when a component is built (windows of time) or that see records"""

    def __init__(self, lines: Mapping[str, str] = LINES, config: Json = None) -> None:
        self.lines, self.config = dict(lines), config

    def find(self, kind: str, name: str) -> type[Options] | None:
        line = self.lines.get(f"{kind}.{name}")
        if line is None:
            return None
        module, _, cls = line.partition(":")
        return cast("type[Options]", getattr(importlib.import_module(module), cls))

    def names(self, kind: str) -> tuple[str, ...]:
        return tuple(sorted(k.partition(".")[2] for k in self.lines if k.startswith(kind + ".")))

    def check(self, c: Component, kind: str, at: str = "") -> tuple[Options | None, list[Finding]]:
        """The typed options, or all faults of this component and of those nested in it."""
        cls = self.find(c.kind, c.name)
        if c.kind != kind or cls is None:
            saw = c.name if c.kind == kind else f"a {c.kind} where a {kind} belongs"
            return None, [Finding("unknown_component", at, saw, nearest(c.name, self.names(kind)))]
        options, faults = check(cls, c.options, f"{at}/options")
        for key, inner, inner_kind in nested(options) if options else ():
            faults += self.check(inner, inner_kind, f"{at}/options/{key}")[1]
        return (None if faults else options), faults

    def build(self, c: Component, language: Language) -> object:
        options, faults = self.check(c, c.kind)
        if options is None:
            raise ValueError(faults)  # a defect: plans are checked before they are run
        return options.build(_Builder(self, language))


class _Builder:
    def __init__(self, catalog: Catalog, language: Language) -> None:
        self._catalog, self._language = catalog, language
        self.names = Scope({"config": lambda: catalog.config})

    def part(self, component: Component) -> object:
        return self._catalog.build(component, self._language)

    def text(self, source: str) -> Callable[[Scope], str]:
        return lambda scope: self._language.text(source, scope)

    def value(self, source: str) -> Callable[[Scope], Json]:
        return lambda scope: self._language.value(source, scope)

    def truth(self, source: str) -> Callable[[Scope], bool]:
        return lambda scope: self._language.truth(source, scope)


def nested(options: Options) -> Iterator[tuple[str, Component, str]]:
    """The components inside a component: options typed Component, or tuple or dict of it, marked with their kind."""
    hints = hints_of(type(options))
    for f in msgspec.structs.fields(options):
        metas = getattr(hints[f.name], "__metadata__", ())
        kind = next(
            (m.extra_json_schema["x-kind"] for m in metas if m.extra_json_schema and "x-kind" in m.extra_json_schema), None
        )
        held = getattr(options, f.name)
        if kind is None or held is None:
            continue
        pairs = (
            [("", held)] if isinstance(held, Component) else list(held.items() if isinstance(held, dict) else enumerate(held))
        )
        for key, c in pairs:
            yield (f"{f.encode_name}/{key}" if key != "" else f.encode_name), c, kind


__all__ = ["LINES", "SEEN_FROM", "Catalog", "installed", "nested"]
