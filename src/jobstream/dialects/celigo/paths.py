"""Paths of the resources as places of the plan, and readings that are more than a place as templates."""

from __future__ import annotations

import json
from typing import NamedTuple

from jobstream.dialects.celigo.document import Node
from jobstream.plan.exchange import Read
from jobstream.template.handlebars import VALUE
from jobstream.template.language import TemplateFault
from jobstream.template.reshape import OPERATORS, keys_of

Mapping = tuple[tuple[str, str], ...]


def read_of(node: Node, field: str) -> Read | None:
    """A path that is keys, indexes and `*`; None where there is none, or it is more than that."""
    path = node.text(field)
    try:
        keys = keys_of(path) if path else None
    except TemplateFault as e:
        node.doc.tell("wrong_value", node.place(field), path, str(e))
        return None
    return None if keys is None else Read(keys)


def handlebars(path: str) -> str | None:
    """A plain path as a template's segments: `a.[b c].[0]`. None for what is more."""
    keys = keys_of(path)
    if keys is None or any("]" in k or k == "*" for k in keys):
        return None
    return ".".join(f"[{k}]" for k in keys)


def quoted(text: str) -> str:
    """A string of the template language: its only escapes are those of quotes."""
    return "'" + text.replace("'", "\\'") + "'"


def at(holder: str, path: str) -> str:
    """An expression: what lies at a path of `holder`."""
    if not path:
        return holder
    plain = handlebars(path)
    return f"{holder}.{plain}" if plain is not None and " " not in holder else f"(jsonPath {holder} {quoted(path)})"


def value(expression: str) -> str:
    """A template whose value is that of the expression."""
    inner = expression[1:-1] if expression.startswith("(") else expression
    return VALUE + "{{{" + inner + "}}}"


def one_of(expression: str, values: tuple[str, ...]) -> str:
    return f"(isOneOf {expression} {' '.join(map(quoted, values))})"


class Resource(NamedTuple):
    """What a response is about: its path, then its transform."""

    path: str = ""
    mapping: Mapping = ()

    def expression(self) -> str:
        found = f"(resourceOf answer.body {quoted(self.path)})" if self.path else "answer.body"
        return f"(reshaped {found} {quoted(json.dumps(self.mapping))})" if self.mapping else found


def mapping_of(node: Node, field: str = "transform") -> Mapping:
    """The simple form of a transform: rows of {extract, generate}. Scripts and the second form are refused."""
    transform = node.node(field)
    if not transform.raw:
        return ()
    kind, expression = transform.text("type", "expression"), transform.node("expression")
    if kind != "expression" or expression.text("version", "1") != "1":
        node.doc.tell(
            "unsupported", transform.at, f"{kind} {expression.text('version')}".strip(), "rules of version 1 are known"
        )
        return ()
    rows = expression.raw.get("rules")
    out = []
    for row in rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], list) else rows or ():
        if isinstance(row, dict) and isinstance(row.get("extract"), str) and isinstance(row.get("generate"), str):
            out.append((row["extract"], row["generate"]))
        else:
            node.doc.tell("wrong_value", f"{expression.at}/rules", repr(row), "{extract, generate} is wanted")
    return tuple(out)


def filter_of(node: Node) -> str:
    """A condition over `record`; empty for none."""
    filter_ = node.node("filter")
    if not filter_.raw:
        return ""
    expression = filter_.node("expression")
    kind, rules = filter_.text("type", "expression"), expression.raw.get("rules")
    if kind != "expression" or not isinstance(rules, list):
        node.doc.tell("unsupported", filter_.at, kind, "an expression is known")
        return ""
    for name in _operators(rules):
        if name not in OPERATORS:
            node.doc.tell("wrong_value", f"{expression.at}/rules", name, "known: " + ", ".join(sorted(OPERATORS)))
    return f"{{{{keeps record {quoted(json.dumps(rules))}}}}}"


def _operators(rules: list[object]) -> list[str]:
    head = [rules[0]] if rules and isinstance(rules[0], str) else []
    return [h for h in head if isinstance(h, str)] + [n for r in rules[1:] if isinstance(r, list) for n in _operators(r)]
