"""What cuts a stream into jobs: partition routers and the cursor."""

from __future__ import annotations

from typing import NamedTuple

from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.injection import Injected, injected
from jobstream.dialects.airbyte.leaf import leaf
from jobstream.dialects.airbyte.leaves import of_kind
from jobstream.dialects.airbyte.places import Node
from jobstream.plan.component import Component
from jobstream.plan.notes import Json

_STREAMS = ("DeclarativeStream",)


class Cut(NamedTuple):
    by: Component | None = None
    more: Injected = Injected()


def partitions(c: Context, retriever: Node) -> Cut:
    routers = c.nodes(retriever, "partition_router")
    for extra in routers[1:]:
        c.faults.tell("not_supported", extra.at, "a second router", "products of routers are not supported: take one")
    if not routers:
        return Cut()
    router = routers[0]
    if c.type_of(router) == "SubstreamPartitionRouter":
        return _substream(c, router)
    by = leaf(c, router, "partitions", types=("SubstreamPartitionRouter", *of_kind("partitions")))
    if by is None or c.type_of(router) != "ListPartitionRouter":
        return Cut(by)
    return Cut(
        c.rebuilt(by, by), injected(c, router, "request_option", _of("stream_partition", c.fixed_text(router, "cursor_field")))
    )


def _substream(c: Context, router: Node) -> Cut:
    c.check(router, "SubstreamPartitionRouter")
    c.require(router, "parent_stream_configs")
    configs = [
        k[0]
        for n in c.nodes(router, "parent_stream_configs")
        if (k := c.known(n, ("ParentStreamConfig",), "ParentStreamConfig"))
    ]
    for extra in configs[1:]:
        c.faults.tell("not_supported", extra.at, "a second parent", "one parent stream is supported")
    if not configs:
        return Cut()
    config = configs[0]
    c.require(config, "stream", "parent_key", "partition_field")
    stream = c.node(config, "stream")
    name = c.fixed_text(stream, "name") if stream is not None else ""
    if stream is not None and c.known(stream, _STREAMS, "DeclarativeStream") is not None:
        c.parents.setdefault(name, stream)
    field = c.fixed_text(config, "partition_field")
    options: dict[str, Json] = {"stream": name, "key": _key(c, config), "field": field}
    if extra_fields := _paths(c, config):
        options["extra"] = extra_fields
    places = {"options/stream": config.place("stream"), "options/key": config.place("parent_key"),
              "options/field": config.place("partition_field"), "options/extra": config.place("extra_fields")}  # fmt: skip
    made = c.made(Component("partitions", "parent", options), router.at, **places)
    return Cut(made, injected(c, config, "request_option", _of("stream_partition", field)))


def _key(c: Context, config: Node) -> list[str]:
    return [k for k in c.fixed_text(config, "parent_key").split("/") if k]


def _paths(c: Context, config: Node) -> Json:
    return [[c.fixed_text_of(config, k) for k in c.manifest.items(cell)] for cell in c.items(config, "extra_fields")]


def _of(name: str, key: str) -> str:
    return "{{ " + name + "[" + repr(key) + "] }}"


def cursor(c: Context, stream: Node, *, is_async: bool) -> Cut:
    """On an asynchronous stream its options are put nowhere, as in Airbyte: the creation request names `stream_interval`."""
    node = c.node(stream, "incremental_sync")
    if node is None:
        return Cut()
    if c.type_of(node) != "DatetimeBasedCursor":
        return Cut(leaf(c, node, "cursor", types=("DatetimeBasedCursor",)))
    made = _datetime(c, node)
    if is_async:
        for field in ("start_time_option", "end_time_option"):
            if field in node.fields:
                c.faults.warn(
                    "ignored",
                    node.place(field),
                    field,
                    "on an asynchronous stream: write stream_interval into the creation request",
                )
        return Cut(made)
    start, end = made.options.get("names", ("start_time", "end_time"))
    return Cut(made, injected(c, node, "start_time_option", _of("stream_interval", start)).plus(
        injected(c, node, "end_time_option", _of("stream_interval", end))))  # fmt: skip


def _datetime(c: Context, node: Node) -> Component:
    c.check(node, "DatetimeBasedCursor")
    c.require(node, "cursor_field", "datetime_format", "start_datetime")
    options: dict[str, Json] = {"field": c.fixed_text(node, "cursor_field"), "start": _moment(c, node, "start_datetime")}
    names = (c.fixed_text(node, "partition_field_start", "start_time"), c.fixed_text(node, "partition_field_end", "end_time"))
    more: dict[str, Json] = {
        "format": c.fixed_text(node, "datetime_format"), "end": _moment(c, node, "end_datetime"), "step": c.text(node, "step"),
        "granularity": c.text(node, "cursor_granularity"), "lookback": c.text(node, "lookback_window"),
        "formats": list(c.strings(node, "cursor_datetime_formats")), "strict": c.flag(node, "is_compare_strictly"),
        "names": list(names) if names != ("start_time", "end_time") else None,
    }  # fmt: skip
    options |= {k: v for k, v in more.items() if v}
    if options.get("step") and "granularity" not in options:
        c.faults.warn(
            "ignored",
            node.place("step"),
            c.text(node, "step"),
            "Airbyte wants cursor_granularity beside it; one second is taken",
        )
    places = {"field": "cursor_field", "start": "start_datetime", "format": "datetime_format", "end": "end_datetime", "step": "step",
              "granularity": "cursor_granularity", "lookback": "lookback_window", "formats": "cursor_datetime_formats",
              "names": "partition_field_start"}  # fmt: skip
    return c.made(
        Component("cursor", "datetime", options), node.at, **{f"options/{k}": node.place(v) for k, v in places.items()}
    )


def _moment(c: Context, node: Node, field: str) -> Json:
    cell = node.find(field)
    if cell is None or not isinstance(cell.raw, dict):
        return c.text(node, field)
    found = c.typed(node, field, ("MinMaxDatetime",), "MinMaxDatetime")
    if found is None:
        return ""
    inner = found[0]
    c.require(inner, "datetime")
    parts = {"at": c.text(inner, "datetime"), "format": c.fixed_text(inner, "datetime_format"), "least": c.text(inner, "min_datetime"),
             "most": c.text(inner, "max_datetime")}  # fmt: skip
    return {k: v for k, v in parts.items() if v or k == "at"}
