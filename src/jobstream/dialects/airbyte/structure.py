"""A manifest -> SourcePlan: one short typed function for each structural type. There is no factory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, cast

import msgspec

from jobstream.components.catalog import Catalog
from jobstream.components.options import Finding, nearest
from jobstream.dialects.airbyte.leaves import DEFAULT_TYPES, LEAVES, literal
from jobstream.dialects.airbyte.places import Cell, Document, Node
from jobstream.dialects.airbyte.tables import DEFAULT_RULES, DOUBT, NAMES, VERDICTS
from jobstream.plan.component import Component
from jobstream.plan.exchange import Body, Exchange, Field, Name, Paged, Read, Request, Rule, Wait, When
from jobstream.plan.notes import Json
from jobstream.plan.places import Origin, SourceMap
from jobstream.plan.retrieval import Each, Fetch, Listing, One, Policy, Poll, Retrieval, Status, StatusMap
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import Records, StreamPlan

T = TypeVar("T", bound=msgspec.Struct)
_BUCKETS: dict[str, Status] = {
    "running": "running",
    "completed": "completed",
    "failed": "failed",
    "timeout": "timed_out",
    "skipped": "skipped",
}


class Compiler:
    """findings: their `at` is a pointer into the document already. auths: one credential for each distinct authenticator."""

    def __init__(self, doc: Document, catalog: Catalog) -> None:
        self.doc, self.catalog = doc, catalog
        self.findings: list[Finding] = []
        self.auths: dict[str, Component] = {}
        self._made: dict[int, tuple[Any, Node, dict[str, str]]] = {}
        self._inside: dict[int, dict[str, Component]] = {}  # nested components, as they were before they became options

    def made(self, made: T, node: Node, /, **fields: str) -> T:
        """fields: plan field = document field, where they differ."""
        self._made[id(made)] = (made, node, fields)
        return made

    def leaf(self, node: Node | None, kind: str) -> Component | None:
        if node is None:
            return None
        type_ = node.get("type") or DEFAULT_TYPES.get(kind, "")
        if type_.startswith("Custom"):  # class_name is the name of an installed component, never a class path
            options = {k: c.raw for k, c in node.fields.items() if k not in ("type", "class_name")}
            return self.made(Component(cast(Any, kind), node.get("class_name", ""), options), node)
        leaf = LEAVES.get(type_)
        if leaf is None or leaf.kind != kind:
            known = [t for t, other in LEAVES.items() if other.kind == kind]
            self.findings.append(Finding("unknown_component", node.cell.pointer, f"{kind} '{type_}'", nearest(type_, known)))
            return None
        options, names, inside = dict(leaf.fixed), dict[str, str](), dict[str, Component]()
        for f in leaf.fields:
            cell = node.at(f.field)
            if cell is not None:
                names[f.option or f.field] = f.field
                if f.codec != "nested":
                    options[f.option or f.field] = f.codec.to_plan(literal(cell.raw))
                elif (inner := self.leaf(node.node(f.field), kind)) is not None:
                    options[f.option or f.field] = inside[f.option or f.field] = inner
        ignored = node.fields.keys() - {f.field for f in leaf.fields} - {"type", *_COMPILED_IN}
        self.findings += [
            Finding("ignored", f"{node.cell.pointer}/{k}", k, nearest(k, [f.field for f in leaf.fields])) for k in ignored
        ]
        made = self.made(Component(leaf.kind, leaf.name, options), node, **names)
        self._inside[id(made)] = inside
        return made

    def required(self, node: Node, field: str) -> Node:
        found = node.node(field)
        if found is not None:
            return found
        near = nearest(field, [k for k in node.fields if k != "type"])
        self.findings.append(
            Finding("missing_field", f"{node.cell.pointer}/{field}", "nothing", near if near.startswith("did") else "")
        )
        return self.doc.node(Cell({}, f"{node.cell.pointer}/{field}", node.cell.line), {})

    def path(self, node: Node | None) -> tuple[str, ...]:
        return tuple(str(p) for p in node.get("field_path", ())) if node else ()

    def auth(self, node: Node | None) -> str:
        c = self.leaf(node, "auth")
        if c is None:
            return ""
        name = next((n for n, other in self.auths.items() if other == c), f"auth{len(self.auths) + 1}")
        self.auths[name] = self.auths.get(name, c)
        return name

    def rules(self, node: Node | None) -> tuple[tuple[Rule, ...], ...]:
        handlers = (node.nodes("error_handlers") or [node]) if node else []
        return tuple(tuple(self.rule(r) for r in h.nodes("response_filters")) for h in handlers) or ((),)

    def rule(self, r: Node) -> Rule:
        when = When(
            codes=tuple(map(str, r.get("http_codes", ()))),
            holds=r.get("predicate", ""),
            contains=r.get("error_message_contains", ""),
        )
        return self.made(
            Rule(
                then=VERDICTS[r.get("action", "RETRY")],
                say=r.get("error_message", ""),
                when=self.made(when, r, holds="predicate"),
            ),
            r,
            say="error_message",
        )

    def exchange(self, node: Node, before: tuple[Rule, ...] = (), more: dict[str, Field] = {}) -> Exchange:
        url = node.get("url") or node.get("url_base", "").rstrip("/") + "/" + node.get("path", "").lstrip("/")
        body = node.get("request_body_json") or (node.get("request_body") or {}).get("value")
        request = Request(
            url=url, method=node.get("http_method", "GET"), headers={k: literal(v) for k, v in (node.get("request_headers") or {}).items()},
            query={**{k: literal(v) for k, v in (node.get("request_parameters") or {}).items()}, **more},
            body=Body(form="json", value=dict(body)) if body else None, auth=self.auth(node.node("authenticator")))  # fmt: skip
        place = {"url": "url" if node.get("url") else "path", "method": "http_method", "auth": "authenticator",
                 "query": "request_parameters", "headers": "request_headers"}  # fmt: skip
        rules = tuple((*r, *before) for r in self.rules(node.node("error_handler")))
        return self.made(Exchange(request=self.made(request, node, **place), rules=rules), node, rules="error_handler")

    def status(self, node: Node) -> StatusMap:
        mapping, seen = self.required(node, "status_mapping"), dict[str, str]()
        found: dict[str, Status] = {}
        for bucket, status in _BUCKETS.items():
            for word in map(str, mapping.get(bucket) or ()):
                if word in seen:
                    self.findings.append(
                        Finding("wrong_value", f"{mapping.cell.pointer}/{bucket}", f"'{word}'", f"it is in {seen[word]} too")
                    )
                seen[word], found[word] = bucket, status
        value = Read(self.path(self.required(node, "status_extractor")), falsy="drop")
        return self.made(
            StatusMap(value=value, map=found, spelling="python"), node, value="status_extractor", map="status_mapping"
        )

    def asynchronous(self, node: Node) -> Retrieval:
        def chain(field: str) -> tuple[Exchange, ...]:
            found = node.node(field)
            return (self.exchange(found),) if found else ()

        targets, lookup = node.node("download_target_extractor"), node.node("download_target_requester")
        minutes = float(node.get("polling_job_timeout") or 60)
        cool = float(node.get("failed_retry_wait_time_in_seconds") or 0)
        poll = Poll(exchange=self.exchange(self.required(node, "polling_requester")), status=self.status(node), deadline=minutes * 60,
                    waits=(Wait(first=5.0, jitter=0.0),))  # fmt: skip
        listing: tuple[Listing, ...] = (Each(read=Read(self.path(targets), secret=True), none="done"),) if targets else (One(),)
        stale = (Rule(then="relist", when=When(codes=("403", "410"))),)
        pages, token = self.pages(node.node("download_paginator"))
        return self.made(Retrieval(
            create=self.exchange(self.required(node, "creation_requester"), DOUBT),
            poll=self.made(poll, node, exchange="polling_requester", deadline="polling_job_timeout"), targets=listing,
            locate=Paged(exchange=self.exchange(lookup)) if lookup else None,
            fetch=self.made(Fetch(exchange=self.exchange(self.required(node, "download_requester"), stale, token), pages=pages), node, exchange="download_requester"),
            abort=chain("abort_requester"), delete=chain("delete_requester"),
            policy=Policy(attempts=3, attempt_waits=(Wait(first=cool),), slots="async")),
            node, create="creation_requester", poll="polling_requester", fetch="download_requester", targets="download_target_extractor")  # fmt: skip

    def synchronous(self, node: Node, cursor: Node | None) -> Retrieval:
        """Options of cursor, partition and paginator are compiled into the request; the page token enters by Name."""
        window: dict[str, Field] = {
            **_injected(cursor, "start_time_option", "{{ stream_interval['start_time'] }}"),
            **_injected(cursor, "end_time_option", "{{ stream_interval['end_time'] }}")}  # fmt: skip
        pages, token = self.pages(node.node("paginator"))
        more = {**window, **token}
        fetch = Fetch(exchange=self.exchange(self.required(node, "requester"), more=more), pages=pages)
        return self.made(
            Retrieval(fetch=self.made(fetch, node, exchange="requester", pages="paginator")), node, fetch="requester"
        )

    def pages(self, pager: Node | None) -> tuple[Component | None, dict[str, Field]]:
        if pager is None:
            return None, {}
        return self.leaf(pager.node("pagination_strategy"), "paginator"), _injected(
            pager, "page_token_option", Name("page.token")
        )

    def partitions(self, node: Node | None) -> Component | None:
        if node is None or node.get("type") != "SubstreamPartitionRouter":
            return self.leaf(node, "partitions")
        parent = node.nodes("parent_stream_configs")[0]
        options = {"stream": self.required(parent, "stream").get("name", ""), "key": [parent.get("parent_key", "")],
                   "field": parent.get("partition_field", "")}  # fmt: skip
        return self.made(Component("partitions", "parent", options), node)

    def transforms(self, selector: Node | None, node: Node) -> tuple[Component, ...]:
        """Filter first, then the transformations, as the manifest has it."""
        out = [self.leaf(selector.node("record_filter"), "transform")] if selector else []
        for t in node.nodes("transformations"):
            if t.get("type") == "AddFields":
                fields = {f.get("path")[0]: f.get("value") for f in t.nodes("fields")}
                out.append(self.made(Component("transform", "add_fields", {"fields": fields}), t))
        return tuple(c for c in out if c is not None)

    def stream(self, node: Node) -> StreamPlan:
        retriever, cursor = self.required(node, "retriever"), node.node("incremental_sync")
        is_async = retriever.get("type") == "AsyncRetriever"
        key = node.get("primary_key") or ()
        selector = retriever.node("record_selector")
        extractor = retriever.node("download_extractor") if is_async else selector.node("extractor") if selector else None
        decoder = self.leaf(retriever.node("download_decoder" if is_async else "decoder"), "decoder") or Component(
            "decoder", "json"
        )
        records = Records(
            decoder=decoder, select=Read(self.path(extractor), falsy="drop"), transforms=self.transforms(selector, node)
        )
        plan = StreamPlan(
            name=node.get("name", ""), key=tuple((k,) if isinstance(k, str) else tuple(k) for k in ((key,) if isinstance(key, str) else key)),
            retrieval=self.asynchronous(retriever) if is_async else self.synchronous(retriever, cursor),
            records=self.made(records, retriever), partitions=self.partitions(retriever.node("partition_router")),
            cursor=self.leaf(cursor, "cursor"))  # fmt: skip
        return self.made(plan, node, key="primary_key", retrieval="retriever", cursor="incremental_sync")

    def source(self) -> tuple[SourcePlan, SourceMap]:
        root = self.doc.node(Cell(self.doc.root, "", 1), {})
        streams = tuple(self.stream(n) for n in root.nodes("streams"))
        schema = (root.get("spec") or {}).get("connection_specification") or {}
        plan = SourcePlan(
            name=self.doc.name, language="jinja", streams=streams, auth=self.auths, names=NAMES, default_rules=DEFAULT_RULES,
            secrets=tuple(_secrets(schema)), check=tuple((root.get("check") or {}).get("stream_names", ())), slots={"async": 1})  # fmt: skip
        return plan, self._places(plan)

    def _places(self, plan: SourcePlan) -> SourceMap:
        places = {"": Origin(self.doc.name, "", 1)}
        for pointer, value in walk(plan):
            self._place(places, pointer, value)
        return SourceMap(places)

    def _place(self, places: dict[str, Origin], pointer: str, value: Any) -> None:
        if id(value) not in self._made:
            return
        _, node, fields = self._made[id(value)]
        places[pointer] = Origin(self.doc.name, node.cell.pointer, node.cell.line)
        within = f"{pointer}/options" if isinstance(value, Component) else pointer
        for name in value.options if isinstance(value, Component) else value.__struct_fields__:
            cell = node.at(fields.get(name, name))
            if cell:
                places[f"{within}/{name}"] = Origin(self.doc.name, cell.pointer, cell.line)
        for name, inner in self._inside.get(id(value), {}).items():
            self._place(places, f"{within}/{name}", inner)


def _injected(holder: Node | None, key: str, value: Field) -> dict[str, Field]:
    option = holder.node(key) if holder else None
    return {option.get("field_name"): value} if option is not None and option.get("inject_into") == "request_parameter" else {}


_COMPILED_IN = ("start_time_option", "end_time_option", "decoder", "page_size")


def _secrets(schema: Json, path: str = "") -> Iterator[str]:
    for name, s in (schema.get("properties") or {}).items():
        inner = f"{path}.{name}" if path else name
        if s.get("airbyte_secret"):
            yield inner
        yield from _secrets(s, inner)


def walk(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    yield pointer, value
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from walk(getattr(value, name), f"{pointer}/{name}")
    elif isinstance(value, tuple | list):
        for i, v in enumerate(value):
            yield from walk(v, f"{pointer}/{i}")
    elif isinstance(value, dict):
        for k, v in value.items():
            yield from walk(v, f"{pointer}/{k}")
