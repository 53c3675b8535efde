"""A parsed template made accountable: its size is judged, and steps are put where it loops, calls itself or makes new values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from jobstream.template.budget import NODE
from jobstream.template.language import TemplateFault
from jobstream.template.sandbox import CONCAT, EACH, MUTATORS, STEP, WEIGH

MOST_NODES = 5_000
DEEPEST = 100
_REFUSED = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block)
_MAKES = (nodes.For, nodes.Macro, nodes.List, nodes.Dict, nodes.Tuple, nodes.AssignBlock, nodes.CallBlock)


def measured(tree: nodes.Template) -> list[nodes.Node]:
    """Every node. Raises TemplateFault for a template that is too large, too deep, or leads to another."""
    return list(_measured(tree))


def accountable(tree: nodes.Template, found: list[nodes.Node]) -> tuple[nodes.Template, bool]:
    """The template to be run, and whether it changes lists or objects in place. found: its nodes."""
    changes = any(
        isinstance(n, nodes.NSRef) or (isinstance(n, nodes.Getattr | nodes.Getitem) and _key(n) in MUTATORS) for n in found
    )
    made: nodes.Template = _Rewriter(any(isinstance(n, _MAKES) for n in found), changes).visit(tree)
    return made, changes


def _measured(tree: nodes.Node) -> Iterator[nodes.Node]:
    level, n = [tree], 0
    for _ in range(DEEPEST):
        n += len(level)
        if n > MOST_NODES:
            raise TemplateFault(f"the template has more than {MOST_NODES} parts")
        for node in level:
            if isinstance(node, _REFUSED):
                raise TemplateFault(f"{type(node).__name__.lower()} is not known in a template here")
        yield from level
        level = [child for node in level for child in node.iter_child_nodes()]
        if not level:
            return
    raise TemplateFault(f"the template is nested deeper than {DEEPEST}")


def _key(node: nodes.Getattr | nodes.Getitem) -> object:
    if isinstance(node, nodes.Getattr):
        return node.attr
    return node.arg.value if isinstance(node.arg, nodes.Const) else None


def _filtered(node: nodes.Expr, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)


def _units(parts: Sequence[nodes.Node]) -> nodes.Const:
    """What one turn of a body costs: its nodes, those of inner loops too."""
    n, level = 0, list(parts)
    while level:
        n += len(level)
        level = [child for node in level for child in node.iter_child_nodes()]
    return nodes.Const((1 + n) * NODE)


class _Rewriter(NodeTransformer):
    """makes: it can build values, so comparing and reading them is paid for. changes: even reading a name is, because what
    stands behind it may have grown."""

    def __init__(self, makes: bool, changes: bool) -> None:
        self._makes, self._changes = makes, changes

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        match node:
            case nodes.For():
                return self._loop(node)
            case nodes.Macro() | nodes.CallBlock():
                return self._body(node)
            case nodes.Concat():
                self.generic_visit(node)
                return _filtered(nodes.Tuple(node.nodes, "load", lineno=node.lineno), CONCAT)
            case nodes.List() | nodes.Dict() | nodes.Tuple(ctx="load"):
                self.generic_visit(node)
                return _filtered(cast("nodes.Expr", node), WEIGH)
            case nodes.Compare() if self._makes:
                self.generic_visit(node)
                node.expr = _filtered(node.expr, WEIGH)
                for operand in node.ops:
                    operand.expr = _filtered(operand.expr, WEIGH)
                return node
            case nodes.Name(ctx="load") if self._changes:
                return _filtered(cast("nodes.Expr", node), WEIGH)
            case _:
                return self.generic_visit(node)

    def _loop(self, node: nodes.For) -> nodes.Node:
        made = self._body(node)
        if node.test is not None:
            node.iter = _filtered(cast("nodes.Expr", node.iter), EACH, _units([node.test]))
        return made

    def _body(self, node: nodes.For | nodes.Macro | nodes.CallBlock) -> nodes.Node:
        units = _units(node.body)
        units.lineno = node.lineno
        self.generic_visit(node)
        node.body.insert(0, nodes.ExprStmt(_filtered(units, STEP), lineno=node.lineno))
        return node
