"""A node whose type is in LEAVES, or that an installed package provides -> a component."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, assert_never

from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.leaves import LEAVES, F, of_kind
from jobstream.dialects.airbyte.places import Node
from jobstream.dialects.airbyte.texts import is_template, literal
from jobstream.plan.component import Component, Kind
from jobstream.plan.notes import Json


class Made(NamedTuple):
    """places: pointer below the component = where in the document it stands. A component turns raw when it becomes an option,
    so those of nested ones are carried here."""

    component: Component
    places: dict[str, str]


def leaf(c: Context, node: Node | None, kind: Kind, otherwise: str = "", types: Iterable[str] = ()) -> Component | None:
    """otherwise: the type of a component that does not say its own."""
    made = None if node is None else _made(c, node, kind, otherwise, tuple(types) or of_kind(kind))
    return None if made is None or node is None else c.made(made.component, node.at, **made.places)


def _made(c: Context, node: Node, kind: Kind, otherwise: str, types: tuple[str, ...]) -> Made | None:
    own = _installed(c, node, kind, otherwise)
    if own is not None:
        return own
    found = c.known(node, (*types, *(("CompositeRawDecoder",) if kind == "decoder" else ())), otherwise)
    if found is None:
        return None
    if found[1] == "CompositeRawDecoder":
        c.require(node, "parser")
        inner = c.node(node, "parser")
        return None if inner is None else _made(c, inner, kind, "", types)
    return _options(c, *found)


def _options(c: Context, node: Node, type_: str) -> Made | None:
    declared = LEAVES[type_]
    c.require(node, *(f.field for f in declared.fields if f.needed))
    options, places = dict(declared.fixed), dict[str, str]()
    for f in declared.fields:
        cell, name = node.find(f.field), f.option or f.field
        if cell is None or cell.raw is None:
            continue
        places[f"options/{name}"] = cell.at
        if f.how != "nested":
            options[name] = f.codec.to_plan(_read(c, node, f))
            continue
        inner = c.node(node, f.field)
        made = None if inner is None else _made(c, inner, declared.kind, "", of_kind(declared.kind))
        if made is None:
            return None
        options[name] = made.component
        places |= {f"options/{name}/{sub}": at for sub, at in made.places.items()}
    return Made(Component(declared.kind, declared.name, options), places)


def _read(c: Context, node: Node, f: F) -> Json:
    match f.how:
        case "text" | "nested":
            return c.text(node, f.field)
        case "condition":
            return c.condition(node, f.field)
        case "texts":
            return _texts(c, node, f.field)
        case "mapping":
            return {k: c.text_of(node, cell) for k, cell in c.entries(node, f.field).items()}
        case "fixed":
            return c.fixed(node, f.field, "")
        case "words":
            return [c.fixed_text_of(node, cell) for cell in c.items(node, f.field)]
        case "paths":
            return [[c.fixed_text_of(node, k) for k in c.manifest.items(cell)] for cell in c.items(node, f.field)]
        case "whole":
            return c.whole(node, f.field, 0)
        case "flag":
            return c.flag(node, f.field)
        case "count":
            return _count(c, node, f.field)
        case _:
            assert_never(f.how)


def _texts(c: Context, node: Node, field: str) -> Json:
    """A list of templates, or one template that gives a list."""
    cell = node.find(field)
    assert cell is not None
    if not isinstance(cell.raw, str):
        return list(c.strings(node, field))
    text = c.bind(node, cell.raw)
    known = literal(text)
    if isinstance(known, list | tuple):
        return [str(v) for v in known]
    return text if is_template(text) else [text]


def _count(c: Context, node: Node, field: str) -> Json:
    """A number, or a template that gives one."""
    cell = node.find(field)
    assert cell is not None
    if isinstance(cell.raw, str) and is_template(text := c.bind(node, cell.raw)):
        return text
    return c.whole(node, field, 1, least=1)


def _installed(c: Context, node: Node, kind: Kind, otherwise: str) -> Made | None:
    """`Custom*` names an installed component by its class_name; a class path is never imported."""
    type_ = c.type_of(node, otherwise)
    name = c.text(node, "class_name")
    if not name or not (type_.startswith("Custom") or "type" not in node.fields) or c.catalog.find(kind, name) is None:
        return None
    fields = {k: cell for k, cell in node.fields.items() if k not in ("type", "class_name")}
    options = {k: c.template(node, cell) for k, cell in fields.items()}
    return Made(Component(kind, name, options), {f"options/{k}": cell.at for k, cell in fields.items()})
