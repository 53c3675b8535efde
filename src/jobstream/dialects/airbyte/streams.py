"""A DeclarativeStream -> StreamPlan."""

from __future__ import annotations

from jobstream.dialects.airbyte.asynchronous import asynchronous
from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.injection import Injected
from jobstream.dialects.airbyte.places import Node
from jobstream.dialects.airbyte.records import records, schema
from jobstream.dialects.airbyte.slices import cursor, partitions
from jobstream.dialects.airbyte.synchronous import synchronous
from jobstream.plan.component import Component
from jobstream.plan.retrieval import Fetch, Retrieval
from jobstream.plan.stream import Records, StreamPlan

_RETRIEVERS = ("SimpleRetriever", "AsyncRetriever")


def stream(c: Context, node: Node, *, hidden: bool = False) -> StreamPlan:
    """hidden: it is read only as the parent of another."""
    c.require(node, "name")
    found = c.required(node, "retriever", _RETRIEVERS, "SimpleRetriever")
    is_async = found is not None and found[1] == "AsyncRetriever"
    types = schema(c, node)
    window = cursor(c, node, is_async=is_async)
    parts = partitions(c, found[0]) if found else None
    if is_async and parts is not None and parts.more.puts:
        c.faults.warn(
            "ignored",
            parts.more.puts[0].at,
            "request_option",
            "on an asynchronous stream: write stream_partition into the creation request",
        )
    plan = StreamPlan(
        name=c.fixed_text(node, "name"), key=_key(c, node), retrieval=_retrieval(c, found, window.more.plus(parts.more) if parts else window.more),
        records=records(c, node, found[0], types, is_async=is_async) if found else Records(decoder=Component("decoder", "json")),
        partitions=parts.by if parts else None, cursor=window.by, schema=types, hidden=hidden)  # fmt: skip
    return c.made(plan, node.at, name=node.place("name"), key=node.place("primary_key"), retrieval=node.place("retriever"),
                  cursor=node.place("incremental_sync"), schema=node.place("schema_loader"), records=node.place("retriever"))  # fmt: skip


def _retrieval(c: Context, found: tuple[Node, str] | None, more: Injected) -> Retrieval:
    if found is None:
        return Retrieval(fetch=Fetch())
    return asynchronous(c, found[0]) if found[1] == "AsyncRetriever" else synchronous(c, found[0], more)


def _key(c: Context, node: Node) -> tuple[tuple[str, ...], ...]:
    """One field, several, or paths of nested ones."""
    out = []
    for cell in c.items(node, "primary_key"):
        path = (
            tuple(c.fixed_text_of(node, k) for k in c.manifest.items(cell))
            if isinstance(cell.raw, list)
            else (c.fixed_text_of(node, cell),)
        )
        if path and all(path):
            out.append(path)
    return tuple(out)
