"""An option is declared once; check, form, page and lint are read off its JSON Schema."""

from __future__ import annotations

import difflib
import functools
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeVar, cast

import msgspec

from jobstream.kinds import Build
from jobstream.plan.notes import SEES, Json, Place, opt

T = TypeVar("T")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A component: fields are the options, the docstring is its page, the methods its work. `build` returns what runs:
    itself, when nothing nested or templated must be built."""

    def build(self, build: Build) -> object:
        return self

    def mistakes(self) -> Iterable[tuple[str, str]]:
        """(pointer to an option, what is wrong) of what its type alone does not say. A text with a template in it waits for the run."""
        return ()


class Finding(msgspec.Struct, frozen=True):
    """One thing wrong with a document or a plan. at: a pointer into the plan; a SourceMap turns it into the user's own."""

    code: Literal[
        "unknown_field",
        "missing_field",
        "wrong_value",
        "unknown_component",
        "unknown_name",
        "wrong_verdict",
        "ignored",
        "literal_secret",
        "unsafe",
    ]
    at: str
    saw: str
    hint: str = ""

    @property
    def warning(self) -> bool:
        """It runs all the same."""
        return self.code in ("ignored", "literal_secret", "unsafe")


def nearest(word: str, known: Iterable[str]) -> str:
    match = difflib.get_close_matches(word, list(known), 1)
    return f"did you mean '{match[0]}'?" if match else "known: " + ", ".join(sorted(known))


def check(cls: type[T], raw: Mapping[str, Json], at: str = "") -> tuple[T | None, list[Finding]]:
    """Raw options -> the typed value, or every fault of them (msgspec alone would stop at the first)."""
    hints = hints_of(cast(type, cls))
    fields = {f.encode_name: f for f in msgspec.structs.fields(cast("type[msgspec.Struct]", cls))}
    faults = [Finding("unknown_field", f"{at}/{k}", k, nearest(k, fields)) for k in raw if k not in fields]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in raw:
            try:
                values[field.name] = msgspec.convert(raw[name], hints[field.name])
            except msgspec.ValidationError as e:
                what, _, where = str(e).partition(" - at `$")
                inner = where.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
                faults.append(Finding("wrong_value", f"{at}/{name}{inner}", repr(raw[name])[:60], what))
        elif field.required:
            faults.append(Finding("missing_field", f"{at}/{name}", "nothing"))
    if faults:
        return None, faults
    try:
        made = cls(**values)
    except ValueError as e:  # options that contradict each other
        return None, [Finding("wrong_value", at, ", ".join(raw), str(e))]
    said = made.mistakes() if isinstance(made, Options) else ()
    faults = [Finding("wrong_value", f"{at}/{field}", "", why) for field, why in said]
    return (None if faults else made), faults


class FormField(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the Builder draws: a projection of the JSON Schema, nothing is added here."""

    key: str
    label: str
    type: str
    help: str = ""
    default: Json = None
    required: bool = False
    unit: str = ""
    secret: bool = False
    template: str = ""
    names: tuple[str, ...] = ()
    choices: tuple[Json, ...] = ()
    component: str = ""
    advanced: bool = False


def json_schema(cls: type) -> dict[str, Json]:
    return msgspec.json.schema(cls)


def form(cls: type, sees: Place = "config") -> tuple[FormField, ...]:
    """sees: the place of the component's kind, used where an option does not say its own."""
    schema = json_schema(cls)
    body = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    required = body.get("required", ())
    return tuple(_field(key, s, key in required, sees) for key, s in body.get("properties", {}).items())


def _field(key: str, s: dict[str, Json], required: bool, sees: Place) -> FormField:
    shape = next((a for a in s.get("anyOf", ()) if a.get("type") != "null"), s)
    template = next((t for t in map(_template_of, _shapes(s)) if t), "")
    kind = "component" if "x-kind" in s else "choice" if "enum" in s else shape.get("format") or shape.get("type") or "object"
    place: Place = s.get("x-sees", sees)
    return FormField(
        key=key, label=s.get("title", key), type=kind, help=s.get("description", ""), default=s.get("default"), required=required,
        unit=s.get("x-unit", ""), secret=s.get("x-secret", False), template=template, choices=tuple(s.get("enum", ())),
        names=tuple(sorted({*SEES[place], *s.get("x-adds", ())})) if template else (), component=s.get("x-kind", ""),
        advanced=s.get("x-advanced", False),
    )  # fmt: skip


def _shapes(s: Json) -> Iterator[dict[str, Json]]:
    """A schema and those it is a choice, a list or a dict of."""
    if isinstance(s, dict):
        yield s
        for inner in (*s.get("anyOf", ()), s.get("items"), s.get("additionalProperties")):
            yield from _shapes(inner)


def _template_of(s: dict[str, Json]) -> str:
    return str(s.get("x-template", ""))


def page(kind: str, name: str, cls: type, sees: Place = "config") -> str:
    """The reference page, in Markdown."""
    lines = [
        f"## {kind}: {name}",
        "",
        (cls.__doc__ or "").strip(),
        "",
        "| option | type | default | what |",
        "|---|---|---|---|",
    ]
    for f in form(cls, sees):
        default = "required" if f.required else f"`{f.default!r}`"
        what = f.help + (f" Unit: {f.unit}." if f.unit else "") + (f" Sees: {', '.join(f.names)}." if f.names else "")
        lines.append(f"| {f.label} (`{f.key}`) | {f.component or f.type} | {default} | {what.strip()} |")
    return "\n".join(lines)


@functools.cache
def hints_of(cls: type) -> Mapping[str, Any]:
    """The types of its fields, notes and all. Looked up once: it is slow, and lint asks for each field of a plan."""
    return typing.get_type_hints(cls, include_extras=True)


@functools.cache
def notes_of(cls: type, name: str) -> Mapping[str, Json]:
    """The `x-` notes of one field."""
    hint = hints_of(cls).get(name)
    out: dict[str, Json] = {}
    for meta in _metas(hint):
        out |= meta.extra_json_schema or {}
    return out


def _metas(hint: Any) -> Iterator[msgspec.Meta]:
    """Of the hint itself and of what it is a union or a dict of."""
    yield from (m for m in getattr(hint, "__metadata__", ()) if isinstance(m, msgspec.Meta))
    for inner in typing.get_args(hint):
        if not isinstance(inner, str):
            yield from _metas(inner)


__all__ = ["Finding", "FormField", "Options", "check", "form", "json_schema", "nearest", "notes_of", "opt", "page"]
