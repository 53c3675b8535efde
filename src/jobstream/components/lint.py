"""Faults of any plan, whoever compiled it, all at once, each with its plan pointer: components exist and their options hold; every
template sees only the names of its place; every verdict may stand at its step; what is named elsewhere is there; no secret is written
out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from jobstream.components.catalog import Catalog
from jobstream.components.options import Finding, nearest, notes_of
from jobstream.components.partitions.parent import Parent
from jobstream.components.transforms.names import is_constant
from jobstream.jobs.event import Step
from jobstream.kinds import SEEN_FROM
from jobstream.meaning.advice import advice
from jobstream.meaning.case import exchange_of, pointer_of
from jobstream.meaning.judge import MAY
from jobstream.plan.component import Component
from jobstream.plan.exchange import Exchange, Name, Request
from jobstream.plan.notes import SEES, Json, Place
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import StreamPlan
from jobstream.template.language import Language, TemplateFault


def lint(plan: SourcePlan, catalog: Catalog, language: Language) -> list[Finding]:
    names = _Names(plan, catalog, language)
    found = [*names.walk(plan, "", "config"), *names.checked()]
    for i, s in enumerate(plan.streams):
        found += _verdicts(s, f"/streams/{i}")
        found += [Finding("unsafe", f"/streams/{i}{at}", say) for at, say in advice(s)]
    return found + [Finding("wrong_verdict", f"/default_rules/{n}", r.then) for n, r in enumerate(plan.default_rules)
                    if any(r.then not in may for may in MAY.values())]  # fmt: skip


def steps(s: StreamPlan) -> Iterator[tuple[Step, int, Exchange]]:
    """Every exchange of a stream, with the step it is asked at."""
    r = s.retrieval
    for step in MAY:
        many = len(getattr(r, step)) if step in ("before", "start", "abort", "delete") else 1
        for n in range(many):
            ex = exchange_of(r, step, n)
            if ex is not None and not (step == "locate" and r.locate is None):
                yield step, n, ex


def _verdicts(s: StreamPlan, at: str) -> Iterator[Finding]:
    for step, n, ex in steps(s):
        for i, rules in enumerate(ex.rules):
            for k, rule in enumerate(rules):
                if rule.then not in MAY[step]:
                    where = f"{at}{pointer_of(s.retrieval, step, n)}/rules/{i}/{k}"
                    yield Finding("wrong_verdict", where, rule.then, "may be: " + ", ".join(sorted(MAY[step])))


class _Names:
    def __init__(self, plan: SourcePlan, catalog: Catalog, language: Language) -> None:
        self._plan, self._catalog, self._language = plan, catalog, language

    def walk(self, value: Any, at: str, place: Place) -> Iterator[Finding]:
        """place: inherited from where the value is used; a field's own note moves it."""
        if isinstance(value, Component):
            yield from self._component(value, at, place)
        elif isinstance(value, msgspec.Struct):
            if isinstance(value, Request):
                yield from self._named(value.auth, self._plan.auth, f"{at}/auth")
                yield from self._named(value.budget, self._plan.budgets, f"{at}/budget")
            for name in value.__struct_fields__:
                yield from self._field(value, name, f"{at}/{name}", place)
        elif isinstance(value, tuple | list):
            for i, v in enumerate(value):
                yield from self.walk(v, f"{at}/{i}", place)
        elif isinstance(value, dict):
            for k, v in value.items():
                yield from self.walk(v, f"{at}/{k}", place)

    def _component(self, c: Component, at: str, place: Place) -> Iterator[Finding]:
        options, faults = self._catalog.check(c, c.kind, at)
        yield from faults
        if options is not None:
            if isinstance(options, Parent):
                yield from self._named(options.stream, (s.name for s in self._plan.streams), f"{at}/options/stream")
            inner = SEEN_FROM[c.kind]
            yield from self.walk(options, f"{at}/options", place if inner == "config" else inner)

    def checked(self) -> Iterator[Finding]:
        """The streams that a connection check reads."""
        for i, name in enumerate(self._plan.check):
            yield from self._named(name, (s.name for s in self._plan.streams), f"/check/{i}")

    def _named(self, name: str, known: Iterable[str], at: str) -> Iterator[Finding]:
        if name and name not in (names := tuple(known)):
            yield Finding("unknown_name", at, name, nearest(name, names))

    def _field(self, holder: msgspec.Struct, name: str, at: str, place: Place) -> Iterator[Finding]:
        notes, held = notes_of(type(holder), name), getattr(holder, name)
        here: Place = notes.get("x-sees", place)
        if notes.get("x-secret") and isinstance(held, str) and held and is_constant(held):
            yield Finding("literal_secret", at, "a secret as plain text", "put it into the config and name it by a template")
        if notes.get("x-template"):
            sees = SEES[here] | set(notes.get("x-adds", ()))
            yield from self._texts(held, at, sees, notes["x-template"] == "condition")
        if isinstance(held, msgspec.Struct | tuple) or not notes.get("x-template"):
            yield from self.walk(held, at, here)

    def _texts(self, held: Json, at: str, sees: frozenset[str], condition: bool) -> Iterator[Finding]:
        for pointer, text in _strings(held, at):
            if isinstance(text, Name):
                used, allowed = {text.name.split(".")[0]}, sees
            elif condition or "{{" in text or "{%" in text:
                allowed = sees | {a for a, ours in self._plan.names.items() if ours.split(".")[0] in sees}
                try:
                    used = set(self._language.names(text)) if text else set()
                except TemplateFault as e:
                    yield Finding("wrong_value", pointer, text, str(e))
                    continue
            else:
                continue
            for name in sorted(used - allowed):
                yield Finding("unknown_name", pointer, name, nearest(name, allowed))


def _strings(held: Json, at: str) -> Iterator[tuple[str, Any]]:
    match held:
        case str() | Name():
            yield at, held
        case {"is": "name", "name": str() as name}:
            yield at, Name(name)
        case dict():
            for k, v in held.items():
                yield from _strings(v, f"{at}/{k}")
        case list() | tuple():
            for i, v in enumerate(held):
                yield from _strings(v, f"{at}/{i}")


Lint = Callable[[SourcePlan], list[Finding]]
