"""A file of Celigo resources: what is in it, by kind and id, and what is wrong with it, by place.

    {"connections": [{"_id": "...", ...}], "exports": [...], "asynchelpers": [...]}

A list, or an object by id; `asyncHelpers` will do too. Other kinds (flows, imports) are passed over.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar, cast

import msgspec

from jobstream.documents.text import Text, token
from jobstream.plan.component import Component
from jobstream.plan.notes import Json
from jobstream.plan.places import Origin, Told

T = TypeVar("T")
_KINDS = {"connections": "connections", "exports": "exports", "asynchelpers": "asynchelpers", "asyncHelpers": "asynchelpers"}
_WORDS: dict[type, str] = {str: "text", bool: "true or false", dict: "an object", list: "a list", float: "a number"}


class Node:
    """One object of the document and its place. Reading tells what is wrong, and reads as absent."""

    def __init__(self, doc: Document, raw: Mapping[str, Json], at: str) -> None:
        self.doc, self.raw, self.at = doc, raw, at

    def place(self, field: str) -> str:
        return f"{self.at}/{token(field)}" if field in self.raw else self.at

    def get(self, field: str, kind: type[T]) -> T | None:
        value = self.raw.get(field)
        if value is None:
            return None
        fits = isinstance(value, int | float) and not isinstance(value, bool) if kind is float else isinstance(value, kind)
        if not fits:
            self.doc.tell("wrong_value", f"{self.at}/{token(field)}", repr(value), f"{_WORDS[kind]} is wanted")
            return None
        return cast(T, value)

    def text(self, field: str, otherwise: str = "") -> str:
        return self.get(field, str) or otherwise

    def number(self, field: str, otherwise: float) -> float:
        """A number, or text that is one; not less than zero."""
        value = self.raw.get(field)
        if isinstance(value, str):
            with contextlib.suppress(ValueError):
                value = float(value)
        if value is None:
            return otherwise
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            self.doc.tell("wrong_value", f"{self.at}/{field}", repr(value), "a number from 0 on is wanted")
            return otherwise
        return float(value)

    def node(self, field: str) -> Node:
        """An empty one where there is none."""
        return Node(self.doc, self.get(field, dict) or {}, f"{self.at}/{token(field)}")

    def nodes(self, field: str) -> list[Node]:
        return [
            Node(self.doc, v, f"{self.at}/{token(field)}/{i}")
            for i, v in enumerate(self.get(field, list) or ())
            if isinstance(v, dict)
        ]

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of texts; what is none is told."""
        values = self.get(field, list) or []
        for i, v in enumerate(values):
            if not isinstance(v, str):
                self.doc.tell("wrong_value", f"{self.at}/{token(field)}/{i}", repr(v), "values are compared as text")
        return tuple(v for v in values if isinstance(v, str))

    def needed(self, field: str, kind: type[T]) -> T | None:
        if self.raw.get(field) in (None, ""):
            self.doc.tell("missing_field", f"{self.at}/{token(field)}", "", self._near(field))
            return None
        return self.get(field, kind)

    def _near(self, field: str) -> str:
        match = difflib.get_close_matches(field, list(self.raw), 1)
        return f"did you mean {match[0]!r}?" if match else ""

    def only(self, known: Collection[str]) -> None:
        """What has no effect is told."""
        for field in self.raw:
            if field not in known:
                match = difflib.get_close_matches(field, known, 1)
                hint = f"did you mean {match[0]!r}?" if match else "it has no effect here"
                self.doc.tell("ignored", f"{self.at}/{token(field)}", field, hint, grave=False)


class Document:
    def __init__(self, text: Text) -> None:
        self.text = text
        self._told: dict[tuple[str, str], Told] = {}
        self._kinds: dict[str, dict[str, Node]] = {"connections": {}, "exports": {}, "asynchelpers": {}}
        self._made: dict[int, tuple[Any, str, dict[str, str]]] = {}
        if not isinstance(text.value, dict):
            self.tell(
                "wrong_value", "", type(text.value).__name__, "an object of connections, exports and asynchelpers is wanted"
            )
            return
        for key, kind in _KINDS.items():
            for at, raw in _members(text.value.get(key), f"/{key}"):
                self._add(kind, at, raw)

    def _add(self, kind: str, at: str, raw: Json) -> None:
        id = raw.get("_id", at.rpartition("/")[2]) if isinstance(raw, dict) else None
        if not isinstance(id, str):
            self.tell("wrong_value", at, repr(raw), "a resource with an _id is wanted")
        elif id in self._kinds[kind]:
            self.tell("wrong_value", at, id, f"there is another of {kind} with this _id")
        else:
            self._kinds[kind][id] = Node(self, raw, at)

    def all(self, kind: str) -> Mapping[str, Node]:
        return self._kinds[kind]

    def find(self, holder: Node, field: str, kind: str) -> Node | None:
        """The resource that a field names."""
        id = holder.needed(field, str)
        if id is not None and id not in self._kinds[kind]:
            match = difflib.get_close_matches(id, list(self._kinds[kind]), 1)
            self.tell(
                "invalid_ref", holder.place(field), id, f"did you mean {match[0]!r}?" if match else f"none of {kind} has it"
            )
        return self._kinds[kind].get(id or "")

    def tell(self, code: str, at: str, saw: str = "", hint: str = "", *, grave: bool = True) -> None:
        saw = saw if len(saw) <= 80 else saw[:77] + "..."
        self._told.setdefault((code, at), Told(code, self.text.name, at, self.text.line(at), saw, hint, grave))

    def findings(self) -> tuple[Told, ...]:
        return tuple(sorted(self._told.values(), key=lambda t: (t.line, t.at)))

    def made(self, thing: T, node: Node, /, **fields: str) -> T:
        """thing comes from this node. fields: its own field = the document's."""
        self._made[id(thing)] = (thing, node.at, {k: node.place(v) for k, v in fields.items()})
        return thing

    def places(self, plan: Json) -> dict[str, Origin]:
        out = {"": self._origin("")}
        for pointer, value in walk(plan):
            if id(value) in self._made:
                _, at, fields = self._made[id(value)]
                within = f"{pointer}/options" if isinstance(value, Component) else pointer
                out[pointer] = self._origin(at)
                out |= {f"{within}/{k}": self._origin(place) for k, place in fields.items()}
        return out

    def _origin(self, at: str) -> Origin:
        return Origin(self.text.name, at, self.text.line(at))


def _members(holder: Json, at: str) -> Iterator[tuple[str, Json]]:
    if isinstance(holder, dict):
        yield from ((f"{at}/{token(k)}", v) for k, v in holder.items())
    elif isinstance(holder, list):
        yield from ((f"{at}/{i}", v) for i, v in enumerate(holder))


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
            yield from walk(v, f"{pointer}/{token(k)}")
