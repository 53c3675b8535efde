"""Templates that are only text and paths (`{{ creation_response['id'] }}`) read without the engine, wherever the outcome is plain.

`None` means: ask Jinja. So this is right whenever it answers at all, which a property test against Jinja shows.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from jinja2 import nodes

from jobstream.plan.notes import Json


class Path(NamedTuple):
    """keys: (attribute?, key), for `a.b` prefers the methods of a mapping."""

    root: str
    keys: tuple[tuple[bool, str | int], ...]


Pieces: TypeAlias = tuple[str | Path, ...]
_OF_DICTS = frozenset(dir(dict))
_PLAIN = (str, int, float, bool, type(None))


def pieces_of(tree: nodes.Template, given: frozenset[str]) -> Pieces | None:
    """given: the names that a scope gives; the language's own functions are none."""
    out: list[str | Path] = []
    for statement in tree.body:
        if not isinstance(statement, nodes.Output):
            return None
        for node in statement.nodes:
            piece = node.data if isinstance(node, nodes.TemplateData) else _path(node)
            if piece is None or (isinstance(piece, Path) and piece.root not in given):
                return None
            out.append(piece)
    return tuple(out)


def _path(node: nodes.Expr) -> Path | None:
    keys: list[tuple[bool, str | int]] = []
    while not isinstance(node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            keys.append((True, node.attr))
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and type(node.arg.value) in (str, int):
            keys.append((False, node.arg.value))
        else:
            return None
        node = node.node
    return Path(node.name, tuple(reversed(keys)))


def rendered(pieces: Pieces, values: dict[str, Json]) -> str | None:
    out: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            out.append(piece)
            continue
        found = _walked(values[piece.root], piece.keys)
        if type(found) not in _PLAIN:
            return None
        out.append(str(found))
    return "".join(out)


def _walked(at: Json, keys: tuple[tuple[bool, str | int], ...]) -> Json:
    """An Ellipsis where it is not plain."""
    for attribute, key in keys:
        in_dict = type(at) is dict and key in at and not (attribute and key in _OF_DICTS)
        in_list = type(at) is list and type(key) is int and key < len(at)
        if not in_dict and not in_list:
            return ...
        at = at[key]
    return at
