"""What every function of the compiler shares: typed reading of a node, and the register of what was made from where.

Nothing here raises for what a person may write: a wrong value is told at its place and reads as absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from jobstream.components.catalog import Catalog
from jobstream.dialects.airbyte.faults import Faults, near
from jobstream.dialects.airbyte.known import KNOWN, REFUSED, Known
from jobstream.dialects.airbyte.places import EXTENSION, Cell, Manifest, Node
from jobstream.dialects.airbyte.texts import UNKNOWN, Texts, Unknown, bound, condition, is_template
from jobstream.plan.component import Component
from jobstream.plan.notes import Json
from jobstream.plan.places import Origin
from jobstream.plan.source import Budget
from jobstream.template.language import TemplateFault

if TYPE_CHECKING:
    from jobstream.dialects.airbyte.budgets import Policy

T = TypeVar("T")


class Context:
    """auths, budgets, hosts, policies, parents: what the streams need of the source, gathered on the way."""

    def __init__(self, manifest: Manifest, catalog: Catalog, texts: Texts) -> None:
        self.manifest, self.catalog, self.texts = manifest, catalog, texts
        self.faults: Faults = manifest.faults
        self.auths: dict[str, Component] = {}
        self.budgets: dict[str, Budget] = {}
        self.hosts: list[str] = []
        self.policies: tuple[Policy, ...] = ()
        self.parents: dict[str, Node] = {}
        self._made: dict[int, tuple[Any, str, dict[str, str]]] = {}

    # --- what was made from where

    def made(self, thing: T, at: str, /, **inner: str) -> T:
        """inner: a field of `thing` (or a pointer below it) = where in the document it stands."""
        self._made[id(thing)] = (thing, at, inner)
        return thing

    def rebuilt(self, old: object, new: T) -> T:
        """`new` stands where `old` stood."""
        found = self._made.get(id(old))
        return new if found is None else self.made(new, found[1], **found[2])

    def places(self, plan: msgspec.Struct) -> dict[str, Origin]:
        out = {"": self._origin("")}
        for pointer, value in walk(plan):
            found = self._made.get(id(value))
            if found is not None:
                _, at, inner = found
                out[pointer] = self._origin(at)
                out |= {f"{pointer}/{name}": self._origin(where) for name, where in inner.items()}
        return out

    def _origin(self, at: str) -> Origin:
        return Origin(self.manifest.text.name, at, self.manifest.text.line(at))

    # --- components

    def type_of(self, node: Node, otherwise: str = "") -> str:
        cell = node.fields.get("type")
        if cell is None or cell.raw is None:
            return "Custom" if "class_name" in node.fields else otherwise
        return cell.raw if isinstance(cell.raw, str) else str(cell.raw)

    def node(self, node: Node, field: str) -> Node | None:
        cell = node.find(field)
        if cell is None or cell.raw is None:
            return None
        if not isinstance(cell.raw, dict):
            self.wrong(cell, "a component, which is a mapping, is expected")
            return None
        return self.manifest.child(node, field, cell)

    def nodes(self, node: Node, field: str) -> list[Node]:
        """One component stands for a list of one."""
        cell = node.find(field)
        if cell is None or cell.raw is None or cell.raw == []:
            return []
        if isinstance(cell.raw, dict):
            return [self.manifest.child(node, field, cell)]
        if not isinstance(cell.raw, list):
            self.wrong(cell, "a list of components is expected")
            return []
        found = self.manifest.items(cell)
        for c in found:
            if not isinstance(c.raw, dict):
                self.wrong(c, "a component, which is a mapping, is expected")
        return [self.manifest.child(node, field, c) for c in found if isinstance(c.raw, dict)]

    def typed(self, node: Node, field: str, types: Iterable[str], otherwise: str = "") -> tuple[Node, str] | None:
        """The component in a field, and its type, which must be one of `types`; its own fields are checked by name."""
        found = self.node(node, field)
        return None if found is None else self.known(found, types, otherwise)

    def known(self, found: Node, types: Iterable[str], otherwise: str = "") -> tuple[Node, str] | None:
        type_, allowed = self.type_of(found, otherwise), tuple(types)
        if type_ not in allowed:
            self._unknown(found, type_, allowed)
            return None
        self.check(found, type_)
        return found, type_

    def required(self, node: Node, field: str, types: Iterable[str], otherwise: str = "") -> tuple[Node, str] | None:
        self.require(node, field)
        return self.typed(node, field, types, otherwise)

    def require(self, node: Node, *fields: str) -> None:
        for field in fields:
            cell = node.find(field)
            if (cell is None or cell.raw is None) and not self.faults.tells(node.place(field)):
                spare = [
                    k
                    for k in node.fields
                    if k not in KNOWN.get(self.type_of(node), Known()).fields and k not in ("type", field)
                ]
                hint = near(field, spare)
                self.faults.tell(
                    "missing_field", f"{node.at}/{field}", "", hint if hint.startswith("did") else "it is needed here"
                )

    def _unknown(self, found: Node, type_: str, allowed: tuple[str, ...]) -> None:
        at = found.place("type") if "type" in found.fields else found.at
        if type_.startswith("Custom") or "class_name" in found.fields:
            self.faults.tell("not_supported", found.at, self.text(found, "class_name") or type_, "a class path is never run: "
                             "install a package that provides it under the entry points jobstream.components")  # fmt: skip
        elif type_ in REFUSED:
            self.faults.tell("not_supported", at, type_, REFUSED[type_])
        else:
            self.faults.tell("unknown_component", at, type_ or "no type", near(type_, allowed))

    def check(self, node: Node, type_: str) -> None:
        """Fields by name: unknown and ineffective ones are told, those that would change the meaning are refused."""
        known = KNOWN.get(type_, Known())
        for name, cell in node.fields.items():
            if name in known.used or name in ("type", "$parameters"):
                continue
            if name == EXTENSION and not known.extends:
                self.faults.tell("unknown_field", cell.at, name, f"{type_} takes none")
            elif name in known.refused and cell.raw not in (None, False, [], {}):
                self.faults.tell("not_supported", cell.at, name, known.refused[name])
            elif name in known.ignored:
                self.faults.warn("ignored", cell.at, name, known.ignored[name])
            elif name != EXTENSION and name not in known.refused:
                self.faults.warn("unknown_field", cell.at, name, near(name, [*known.used, *known.ignored]))

    # --- values

    def wrong(self, cell: Cell, hint: str) -> None:
        self.faults.tell("wrong_value", cell.at, cell.raw if isinstance(cell.raw, str) else repr(cell.raw), hint)

    def params(self, node: Node) -> dict[str, Json]:
        return {k: self.manifest.plain(c) for k, c in node.params.items()}

    def bind(self, node: Node, text: str) -> str:
        return bound(text, lambda: self.params(node))

    def text(self, node: Node, field: str, otherwise: str = "") -> str:
        """A text, perhaps a template; a number or truth value is spelt as Python does."""
        cell = node.find(field)
        return otherwise if cell is None or cell.raw is None else self.text_of(node, cell, otherwise)

    def text_of(self, node: Node, cell: Cell, otherwise: str = "") -> str:
        if isinstance(cell.raw, str):
            return self.bind(node, cell.raw)
        if isinstance(cell.raw, bool | int | float):
            return str(cell.raw)
        self.wrong(cell, "a text is expected")
        return otherwise

    def condition(self, node: Node, field: str) -> str:
        cell = node.find(field)
        if cell is None or cell.raw is None:
            return ""
        return self.bind(node, condition(cell.raw)) if isinstance(cell.raw, str) else self.text_of(node, cell)

    def fixed(self, node: Node, field: str, otherwise: Json = None) -> Json:
        """A value that is needed now: templates in it see the config; without a config it is `otherwise`."""
        cell = node.find(field)
        if cell is None or cell.raw is None:
            return otherwise
        got = self.fixed_of(node, cell)
        return otherwise if isinstance(got, Unknown) or got in (None, "") else got

    def fixed_of(self, node: Node, cell: Cell) -> Json | Unknown:
        if not isinstance(cell.raw, str):
            return self.manifest.plain(cell)
        try:
            return self.texts.fixed(self.bind(node, cell.raw))
        except TemplateFault as e:
            self.faults.tell("wrong_value", cell.at, cell.raw, f"{e}; only config is known here")
            return UNKNOWN

    def fixed_text(self, node: Node, field: str, otherwise: str = "") -> str:
        """As `fixed`; a template that cannot be rendered yet stands as it is."""
        cell = node.find(field)
        return otherwise if cell is None or cell.raw is None else self.fixed_text_of(node, cell)

    def fixed_text_of(self, node: Node, cell: Cell) -> str:
        if not isinstance(cell.raw, str):
            return self.text_of(node, cell)
        got = self.fixed_of(node, cell)
        return self.bind(node, cell.raw) if isinstance(got, Unknown) else str(got)

    def number(self, node: Node, field: str, otherwise: float, *, least: float = 0.0) -> float:
        got = self.fixed(node, field, otherwise)
        cell = node.find(field)
        try:
            value = float(got) if not isinstance(got, bool | list | dict) else float("nan")
        except (TypeError, ValueError, OverflowError):
            value = float("nan")
        if not least <= value <= 1e12:
            assert cell is not None
            self.wrong(cell, f"a number of at least {least:g} is expected")
            return otherwise
        return value

    def whole(self, node: Node, field: str, otherwise: int, *, least: int = 0) -> int:
        return int(self.number(node, field, otherwise, least=least))

    def flag(self, node: Node, field: str, otherwise: bool = False) -> bool:
        got = self.fixed(node, field, otherwise)
        if isinstance(got, bool):
            return got
        if str(got).lower() in ("true", "false"):
            return str(got).lower() == "true"
        cell = node.find(field)
        assert cell is not None
        self.wrong(cell, "true or false is expected")
        return otherwise

    def entries(self, node: Node, field: str) -> dict[str, Cell]:
        cell = node.find(field)
        if cell is None or cell.raw in (None, ""):
            return {}
        if not isinstance(cell.raw, dict):
            self.wrong(cell, "a mapping is expected")
            return {}
        return {k: self.manifest.follow(c) for k, c in self.manifest.members(cell).items() if k != "$parameters"}

    def items(self, node: Node, field: str) -> list[Cell]:
        """A list; a lone value stands for a list of one."""
        cell = node.find(field)
        if cell is None or cell.raw is None:
            return []
        return self.manifest.items(cell) if isinstance(cell.raw, list) else [cell]

    def strings(self, node: Node, field: str) -> tuple[str, ...]:
        return tuple(self.text_of(node, c) for c in self.items(node, field))

    def path(self, node: Node, field: str = "field_path") -> tuple[str, ...]:
        """Keys of a place in an answer; templates in it see the config."""
        out = []
        for cell in self.items(node, field):
            if cell.raw == "**":
                self.faults.tell("not_supported", cell.at, "**", "'*' is one level")
            out.append(self.fixed_text_of(node, cell))
        return tuple(out)

    def template(self, node: Node, cell: Cell) -> Json:
        """A value whose texts are templates, with references followed and parameters put in."""
        return self._templates(node, self.manifest.plain(cell))

    def _templates(self, node: Node, value: Json) -> Json:
        if isinstance(value, str):
            return self.bind(node, value)
        if isinstance(value, dict):
            return {self.bind(node, k): self._templates(node, v) for k, v in value.items()}
        return [self._templates(node, v) for v in value] if isinstance(value, list) else value

    def uses(self, text: str) -> frozenset[str]:
        """The names that a template uses; none where it cannot be read (lint tells that)."""
        if not is_template(text):
            return frozenset()
        try:
            return self.texts.names(text)
        except TemplateFault:
            return frozenset()


def walk(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    yield pointer, value
    if isinstance(value, Component):
        yield from walk(value.options, f"{pointer}/options")
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from walk(getattr(value, name), f"{pointer}/{name}")
    elif isinstance(value, tuple | list):
        for i, v in enumerate(value):
            yield from walk(v, f"{pointer}/{i}")
    elif isinstance(value, dict):
        for k, v in value.items():
            yield from walk(v, f"{pointer}/{k}")
