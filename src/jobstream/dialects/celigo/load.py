"""A file of Celigo resources -> SourcePlan. Each export that names an async helper is a stream."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from jobstream.components.catalog import Catalog
from jobstream.components.lint import lint
from jobstream.components.options import Finding
from jobstream.dialects.celigo.connection import Connection, connection_of
from jobstream.dialects.celigo.document import Document, Node
from jobstream.dialects.celigo.export import Export
from jobstream.dialects.celigo.helper import Helper
from jobstream.dialects.celigo.tables import DEFAULT_RULES, NAMES
from jobstream.dialects.compiled import Compiled
from jobstream.documents.text import read
from jobstream.plan.notes import Json
from jobstream.plan.places import SourceMap, Told
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import StreamPlan
from jobstream.template.handlebars import Handlebars
from jobstream.template.language import timeless


def load(name: str, text: str, catalog: Catalog, *, config: Json = None, now: Callable[[], float] = timeless) -> Compiled:
    """config: secrets and settings that the document does not hold: {"connection": {...}} is laid over the first owner's
    connection, {"connections": {"<_id>": {...}}} over any other. Absent: a missing secret is not told.

    Raises DocumentError where the text cannot be read."""
    doc = Document(read(name, text))
    made = _Source(doc, catalog, config)
    plan = made.plan()
    places = SourceMap(doc.places(plan))
    grave = [f for f in doc.findings() if f.grave]
    faults = () if grave else tuple(_told(places, name, f) for f in lint(plan, catalog, Handlebars(plan.names, now)))
    held = made.config()
    return Compiled(plan=plan, places=places, findings=(*doc.findings(), *faults), config=held)


def _told(places: SourceMap, name: str, f: Finding) -> Told:
    origin = places.find(f.at)
    return Told(f.code, name, origin.pointer if origin else "", origin.line if origin else 0, f.saw, f.hint, not f.warning)


class _Source:
    def __init__(self, doc: Document, catalog: Catalog, config: Json) -> None:
        self._doc, self._catalog, self._given = doc, catalog, config
        self._connections: dict[str, Connection] = {}
        self._resources: set[str] = set()

    def plan(self) -> SourcePlan:
        owners = [n for n in self._doc.all("exports").values() if n.node("http").raw.get("_asyncHelperId")]
        if not owners:
            self._doc.tell("missing_field", "/exports", "", "no export names an async helper in http._asyncHelperId")
        streams = [s for o in owners if (s := self._stream(o)) is not None]
        for i, s in enumerate(streams):
            if s.name in {other.name for other in streams[:i]}:
                self._doc.tell("wrong_value", "/exports", s.name, "two exports that name a helper have this name")
        words = {c.word: c for c in self._connections.values()}
        status = " | ".join(dict.fromkeys(p for place in sorted(self._resources, reverse=True) for p in place.split(" | ")))
        laid = f"job.id + {status}" if status else "job.id"
        first = next(iter(self._connections), "")
        return SourcePlan(
            name=(self._doc.all("connections")[first].text("name") if first else "") or self._doc.text.name, language="handlebars",
            streams=tuple(streams), default_rules=DEFAULT_RULES,
            names={**NAMES, "connection": "config.connection", "status": status or "polled.body", "record": laid, "data": laid, "": laid},
            auth={w: c.auth for w, c in words.items() if c.auth is not None}, budgets={w: c.budget for w, c in words.items()},
            secrets=tuple(s for c in words.values() for s in c.secret_paths()),
            hosts=tuple(dict.fromkeys(_host(c.base) for c in words.values())))  # fmt: skip

    def config(self) -> Json:
        out: dict[str, Json] = dict(self._given) if isinstance(self._given, dict) else {}
        for id, c in self._connections.items():
            node = self._doc.all("connections")[id]
            whole = c.config(node, _inside(out, c.word))
            out = _with(out, c.word.split("."), whole)
            for secret in c.secret_paths() if self._given is not None else ():
                if _inside(out, secret) is None:
                    self._doc.tell("missing_field", node.at + "/http", "", f"a secret; put it into the config as {secret}")
        return out

    def _stream(self, node: Node) -> StreamPlan | None:
        owner = self._export(node)
        helper = self._doc.find(node.node("http"), "_asyncHelperId", "asynchelpers")
        if owner is None or helper is None:
            return None
        owner.check()
        made = Helper(helper, owner, self._named).compile()
        if made is None:
            return None
        self._resources.add(made.resource)
        name = node.needed("name", str) or node.text("_id")
        stream = StreamPlan(name=name, retrieval=made.retrieval, records=made.records)
        return self._doc.made(stream, node, name="name", retrieval="http", records="http")

    def _named(self, holder: Node, field: str) -> Export | None:
        node = self._doc.find(holder, field, "exports")
        return self._export(node) if node is not None else None

    def _export(self, node: Node) -> Export | None:
        found = self._doc.find(node, "_connectionId", "connections")
        if found is None:
            return None
        id = node.text("_connectionId")
        if id not in self._connections:
            self._connections[id] = connection_of(found, f"connections.{id}" if self._connections else "connection")
        c = self._connections[id]
        return Export(node, c, c.word if c.auth is not None else "", c.word)


def _host(base: str) -> str:
    """Of a URL that may hold templates."""
    if "{{" not in base:
        return urlsplit(base).hostname or ""
    return base.partition("://")[2].partition("/")[0].partition(":")[0] or base


def _inside(v: Json, path: str) -> Json:
    for key in path.split("."):
        v = v.get(key) if isinstance(v, dict) else None
    return v


def _with(holder: dict[str, Json], path: list[str], value: Json) -> dict[str, Json]:
    key, *rest = path
    inner = holder.get(key)
    return {**holder, key: _with(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}
