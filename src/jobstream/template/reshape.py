"""Celigo's data expressions: paths into a value, the mapping form of a transform, the rules of a filter. Pure; bounded by their input.

A path is dots (`a.b[0]`), or JSONPath where it begins with `$`, or slashes where it begins with `/`. Source: Celigo, exports API.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from jobstream.plan.notes import Json
from jobstream.template.language import TemplateFault
from jobstream.template.script import is_empty, to_json, written

_STEP = re.compile(r"\[([^\[\]]*)\]|([^.\[\]]+)")
_PLAIN = re.compile(r"\$(?:\.[A-Za-z_]\w*|\[\d+\]|\[\*\]|\.\*|\['[^'\\]*'\])*")
_LONGEST = 1024  # characters of a path


@lru_cache(maxsize=1024)
def keys_of(path: str) -> tuple[str, ...] | None:
    """A path as keys, indexes and `*`; None for a JSONPath that is more than those. Raises TemplateFault."""
    if len(path) > _LONGEST:
        raise TemplateFault(f"a path of {len(path)} characters, {_LONGEST} at most")
    if path.startswith("/"):
        return tuple(k for k in path.split("/") if k)
    if path.startswith("$"):
        _checked(path)
        if not _PLAIN.fullmatch(path):
            return None
    return tuple((m[1] or m[2] or "").strip("'\"") for m in _STEP.finditer(path.removeprefix("$")))


@lru_cache(maxsize=1024)
def _checked(path: str) -> Any:
    import jsonpath

    if "match(" in path or "search(" in path or "=~" in path:
        raise TemplateFault(f"{path!r} has a regular expression, which a path may not have here")
    try:
        return jsonpath.compile(path)
    except jsonpath.JSONPathError as e:
        raise TemplateFault(f"{path!r} is no JSONPath: {e}") from e


def all_at(value: Json, path: str) -> list[Json]:
    """Everything that lies there; a key that itself holds dots wins."""
    if isinstance(value, dict) and path in value:
        return [value[path]]
    keys = keys_of(path)
    if keys is None:
        return list(_checked(path).findall(value))
    level = [value]
    for key in keys:
        level = [x for v in level for x in _into(v, key)]
    return level


def _into(v: Json, key: str) -> list[Json]:
    if isinstance(v, dict):
        return list(v.values()) if key == "*" else [v[key]] if key in v else []
    if isinstance(v, list):
        return v if key == "*" else [v[int(key)]] if key.isdecimal() and int(key) < len(v) else []
    return []


def at(value: Json, path: str) -> Json:
    """The first thing that lies there; the whole for no path; None where nothing does."""
    return (all_at(value, path) or [None])[0] if path else value


def resource(value: Json, path: str) -> Json:
    """What a response is about: what lies at the path, of a list the first."""
    found = at(value, path)
    return found[0] if isinstance(found, list) and found else found


def status(path: str, *holders: Json) -> str:
    """The status as text, from the first holder that has one; null where none has."""
    for holder in holders:
        found = at(holder, path)
        if found is not None:
            return found if isinstance(found, str) else to_json(found)
    return "null"


def is_one_of(value: Json, *texts: str) -> bool:
    """Compared as text, with case; a number, true and null by their JSON."""
    return (value if isinstance(value, str) else to_json(value)) in texts


def reshaped(value: Json, mapping: Sequence[tuple[str, str]]) -> Json:
    """A new object: what lies at `extract` goes to `generate`, which may be a dotted path. What is not there is left out."""
    out: dict[str, Json] = {}
    for extract, generate in mapping:
        found = all_at(value, extract)
        if found:
            _put(out, [k for k in keys_of(generate) or () if k != "*"], found if "*" in (keys_of(extract) or ()) else found[0])
    return out


def _put(holder: dict[str, Json], path: list[str], value: Json) -> None:
    for key in path[:-1]:
        inner = holder.setdefault(key, {})
        holder = inner if isinstance(inner, dict) else holder
    if path:
        holder[path[-1]] = value


def _text(v: Json) -> str:
    return written(v)


def _number(v: Json) -> float:
    try:
        return float(written(v) or "nan")
    except ValueError:
        return math.nan


def _epoch(v: Json) -> float:
    from jobstream.template.moments import iso

    return v if isinstance(v, int | float) else iso(written(v)).timestamp() * 1000


_CASTS: dict[str, Callable[[Json], Json]] = {
    "string": _text, "number": _number, "boolean": lambda v: v is True or written(v).lower() == "true", "epochtime": _epoch,
    "lowercase": lambda v: _text(v).lower(), "uppercase": lambda v: _text(v).upper(), "ceiling": lambda v: math.ceil(_number(v)),
    "floor": lambda v: math.floor(_number(v)), "abs": lambda v: abs(_number(v)),
}  # fmt: skip
_TESTS: dict[str, Callable[..., bool]] = {
    "equals": lambda a, b: bool(a == b), "notequals": lambda a, b: bool(a != b), "greaterthan": lambda a, b: bool(a > b),
    "greaterthanequals": lambda a, b: bool(a >= b), "lessthan": lambda a, b: bool(a < b), "lessthanequals": lambda a, b: bool(a <= b),
    "startswith": lambda a, b: _text(a).startswith(_text(b)), "endswith": lambda a, b: _text(a).endswith(_text(b)),
    "contains": lambda a, b: _text(b) in _text(a), "doesnotcontain": lambda a, b: _text(b) not in _text(a),
    "isempty": is_empty, "isnotempty": lambda a: not is_empty(a),
}  # fmt: skip
_MANY: dict[str, Callable[..., bool]] = {"and": lambda *v: all(v), "or": lambda *v: any(v), "not": lambda v: not v}
OPERATORS = frozenset((*_CASTS, *_TESTS, *_MANY, "extract"))


def holds(record: Json, rule: Json) -> bool:
    """Whether a filter keeps a record: `["equals", ["string", ["extract", "status"]], "open"]`."""
    return bool(_evaluated(record, rule, 0))


def _evaluated(record: Json, rule: Json, depth: int) -> Json:
    if not isinstance(rule, list) or not rule or rule[0] not in OPERATORS:
        return rule
    if depth > 50:
        raise TemplateFault("the filter is nested deeper than 50")
    name, *given = rule
    if name == "extract":
        return at(record, str(given[0])) if given else None
    args = [_evaluated(record, x, depth + 1) for x in given]
    try:
        return {**_CASTS, **_TESTS, **_MANY}[name](*args)
    except (TypeError, ValueError, OverflowError) as e:
        raise TemplateFault(f"filter {name}: {e}") from e
