"""Records taken out of a long document one by one: the extractor's path becomes the decoder's."""

from __future__ import annotations

from typing import Any

from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.extras import OfRetriever, extra
from jobstream.dialects.airbyte.places import Node
from jobstream.plan.component import Component
from jobstream.plan.exchange import Read
from jobstream.plan.notes import Json

_READS_BY_ITEM = ("json", "xml")


def by_item(c: Context, retriever: Node, read: Read, decoder: Component) -> tuple[Read, Component]:
    """Where x-jobstream asks for it. A pager reads whole pages, and a path with `*` many places: both are told."""
    more, at = extra(c, retriever, OfRetriever)
    if more is None or more.items == "whole" or not read.path:
        return read, decoder
    if retriever.find("download_paginator") is not None or "*" in read.path or innermost(decoder) not in _READS_BY_ITEM:
        c.faults.tell("wrong_value", f"{at}/items", more.items, "of JSON or XML without pages, by a path of keys")
        return read, decoder
    made = Component("decoder", decoder.name, _with_path(decoder.name, decoder.options, read.path))
    return Read(falsy="drop"), c.rebuilt(decoder, made)


def innermost(decoder: Component) -> str:
    name, options = decoder.name, decoder.options
    while isinstance(inner := options.get("inner"), dict):
        name, options = inner["name"], inner["options"]
    return name


def _with_path(name: str, options: dict[str, Json], path: tuple[str, ...]) -> dict[str, Json]:
    inner: Any = options.get("inner")
    if name in _READS_BY_ITEM:
        return {**options, "path": list(path)}
    return {**options, "inner": {**inner, "options": _with_path(inner["name"], inner["options"], path)}}
