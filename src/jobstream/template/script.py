"""How JavaScript spells and judges values, because that is what people's Handlebars templates were written against."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import msgspec

from jobstream.plan.notes import Json


class Handle:
    """One value that is text by itself and has fields too: Celigo's `record`, which renders as the id and knows `record.id`.

    plain: what functions are given"""

    def __init__(self, plain: Json, fields: Mapping[str, Json]) -> None:
        self.plain, self.fields = plain, fields


def written(value: Json) -> str:
    """A value where text stands: null is empty, 1.0 is 1, lists are joined with commas, objects are JSON (JavaScript would write
    `[object Object]`, which nobody wants in a request)."""
    if isinstance(value, str):
        return value
    if isinstance(value, Handle):
        return written(value.plain)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list | tuple):
        return ",".join(written(v) for v in value)
    return to_json(value)


def number(n: float) -> str:
    if isinstance(n, int) and abs(n) < 10**21:
        return str(n)
    if math.isnan(n) or math.isinf(n):
        return "NaN" if math.isnan(n) else "Infinity" if n > 0 else "-Infinity"
    if float(n).is_integer() and abs(n) < 1e21:
        return str(int(n))
    text = repr(float(n))
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text
    if -7 < int(exponent) < 0:
        return f"{n:.{len(mantissa.replace('.', '').lstrip('-')) - 1 - int(exponent)}f}"
    return f"{mantissa.removesuffix('.0')}e{'+' if int(exponent) > 0 else '-'}{abs(int(exponent))}"


def to_json(value: Json) -> str:
    return msgspec.json.encode(value, enc_hook=_opened).decode()


def _opened(value: object) -> Json:
    if isinstance(value, Handle):
        return value.plain
    return dict(value) if isinstance(value, Mapping) else str(value)


def in_json(text: str) -> str:
    """Inside the quotes of a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def is_empty(value: Json) -> bool:
    """False for `#if`: null, false, 0, empty text, an empty list. An empty object is true."""
    if isinstance(value, Handle):
        return is_empty(value.plain)
    return value is None or value is False or (isinstance(value, str | list | tuple) and not value) or (
        isinstance(value, int | float) and value == 0)  # fmt: skip
