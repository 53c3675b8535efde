"""The root of a manifest -> SourcePlan."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jobstream.dialects.airbyte.asynchronous import SLOTS
from jobstream.dialects.airbyte.budgets import policies
from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.faults import near
from jobstream.dialects.airbyte.known import KNOWN
from jobstream.dialects.airbyte.places import Node
from jobstream.dialects.airbyte.streams import stream
from jobstream.dialects.airbyte.tables import DEFAULT_RULES, NAMES
from jobstream.plan.notes import Json
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import StreamPlan

_STREAMS = ("DeclarativeStream",)
_CHECKS = ("CheckStream", "CheckDynamicStream")


def source(c: Context, name: str) -> SourcePlan:
    root = c.manifest.node(c.manifest.root, {})
    _root(c, root)
    c.policies = policies(c, root)
    streams = _streams(c, root)
    plan = SourcePlan(
        name=name, language="jinja", streams=streams, auth=c.auths, names=NAMES, default_rules=DEFAULT_RULES,
        secrets=secrets(c, root), hosts=tuple(c.hosts), budgets=c.budgets, slots={SLOTS: _slots(c, root)},
        check=_check(c, root, streams))  # fmt: skip
    return c.made(plan, root.at, check=root.place("check"), slots=root.place("max_concurrent_async_job_count"),
                  budgets=root.place("api_budget"), secrets=root.place("spec"))  # fmt: skip


def _root(c: Context, root: Node) -> None:
    """The root alone is closed: an unknown key there is a mistake."""
    if root.cell.raw is not None and not isinstance(root.cell.raw, dict):
        c.wrong(root.cell, "a manifest is a mapping")
        return
    type_ = c.type_of(root, "DeclarativeSource")
    if type_ != "DeclarativeSource":
        c.faults.tell("unknown_component", root.place("type"), type_, near(type_, ("DeclarativeSource",)))
    c.require(root, "version", "check", "streams")
    known = KNOWN["DeclarativeSource"].fields
    for field, cell in root.fields.items():
        if field not in known:
            c.faults.tell("unknown_field", cell.at, field, near(field, known))
    c.check(root._replace(fields={k: v for k, v in root.fields.items() if k in known}), "DeclarativeSource")


def _streams(c: Context, root: Node) -> tuple[StreamPlan, ...]:
    found = [n[0] for s in c.nodes(root, "streams") if (n := c.known(s, _STREAMS, "DeclarativeStream"))]
    out = [stream(c, node) for node in found]
    seen: dict[str, Node] = {}
    for plan, node in zip(out, found, strict=True):
        if plan.name in seen:
            c.faults.tell("wrong_value", node.place("name"), plan.name, "another stream has this name")
        seen[plan.name] = node
    most = len(out) + 32  # parents of parents
    while len(out) < most and (wanted := next((n for n in c.parents if n not in seen), None)) is not None:
        seen[wanted] = c.parents[wanted]
        out.append(stream(c, c.parents[wanted], hidden=True))
    return tuple(out)


def _slots(c: Context, root: Node) -> int:
    """Absent, null, 0 or less: one job at a time."""
    return c.whole(root, "max_concurrent_async_job_count", 1) or 1


def _check(c: Context, root: Node, streams: tuple[StreamPlan, ...]) -> tuple[str, ...]:
    found = c.typed(root, "check", _CHECKS, "CheckStream")
    names = [s.name for s in streams if not s.hidden]
    if found is None:
        return ()
    if found[1] == "CheckDynamicStream":
        return tuple(names[: c.whole(found[0], "stream_count", 1)])
    asked = c.items(found[0], "stream_names")
    for cell in asked:
        if cell.raw not in names:
            c.faults.tell("wrong_value", cell.at, str(cell.raw), near(str(cell.raw), names) or "there is no stream")
    return tuple(str(cell.raw) for cell in asked)


def secrets(c: Context, root: Node) -> tuple[str, ...]:
    found = c.typed(root, "spec", ("Spec",), "Spec")
    if found is None:
        return ()
    c.require(found[0], "connection_specification")
    cell = found[0].find("connection_specification")
    return tuple(dict.fromkeys(_secrets(c.manifest.plain(cell)))) if cell is not None else ()


def _secrets(schema: Json, path: str = "") -> Iterator[str]:
    """Also in the branches of oneOf, anyOf and allOf."""
    if not isinstance(schema, dict):
        return
    properties = schema.get("properties")
    for name, inner in properties.items() if isinstance(properties, dict) else ():
        at = f"{path}.{name}" if path else name
        if isinstance(inner, dict) and inner.get("airbyte_secret") is True:
            yield at
        yield from _secrets(inner, at)
    for word in ("oneOf", "anyOf", "allOf"):
        branches = schema.get(word)
        for branch in branches if isinstance(branches, list) else ():
            yield from _secrets(branch, path)


def named(document: str) -> str:
    """The source's name: of the file; `manifest.yaml` is called by its folder."""
    parts = [p for p in re.split(r"[\\/]", document) if p not in ("", ".", "..")]
    stem = parts[-1].rpartition(".")[0] or parts[-1] if parts else "source"
    return parts[-2] if stem == "manifest" and len(parts) > 1 else stem
