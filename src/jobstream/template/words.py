"""The helpers of Celigo's templates: text, numbers, questions, encodings. Dates are in calendar.py.

Arguments arrive as JSON. Source: Celigo, Handlebars helper reference; where it is silent, JavaScript.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import quote, unquote

import msgspec

from jobstream.plan.notes import Json
from jobstream.template import patterns, reshape
from jobstream.template.calendar import calendar
from jobstream.template.language import MOST, TemplateFault
from jobstream.template.script import in_json, is_empty, to_json, written

Word: TypeAlias = Callable[..., Json]


def _number(v: Json) -> float:
    if isinstance(v, bool) or v is None or v == "":
        return int(bool(v))
    if isinstance(v, int | float):
        return v
    try:
        return int(v)
    except (TypeError, ValueError):
        return float(v)


def loosely(a: Json, b: Json) -> bool:
    """JavaScript's `==`, as far as JSON goes: numbers and their text are equal."""
    if a is None or b is None or type(a) is type(b):
        return bool(a == b)
    try:
        return _number(a) == _number(b)
    except (TypeError, ValueError):
        return written(a) == written(b)


def _ordered(a: Json, b: Json) -> int:
    if not (isinstance(a, str) and isinstance(b, str)):
        try:
            return (_number(a) > _number(b)) - (_number(a) < _number(b))
        except (TypeError, ValueError):
            pass
    return (written(a) > written(b)) - (written(a) < written(b))


_COMPARISONS: dict[str, Callable[[Json, Json], bool]] = {
    "==": loosely, "===": lambda a, b: type(a) is type(b) and a == b, "!=": lambda a, b: not loosely(a, b),
    "!==": lambda a, b: type(a) is not type(b) or a != b, "<": lambda a, b: _ordered(a, b) < 0, ">": lambda a, b: _ordered(a, b) > 0,
    "<=": lambda a, b: _ordered(a, b) <= 0, ">=": lambda a, b: _ordered(a, b) >= 0,
}  # fmt: skip


def compare(a: Json, operator: str, b: Json) -> bool:
    if operator not in _COMPARISONS:
        raise TemplateFault(f"compare knows {' '.join(_COMPARISONS)}, not {operator!r}")
    return _COMPARISONS[operator](a, b)


def contains(holder: Json, what: Json) -> bool:
    if isinstance(holder, list | tuple):
        return any(loosely(x, what) for x in holder)
    return written(what) in written(holder)


def split(text: Json, delimiter: str = ",", index: int = 0) -> Json:
    parts = written(text).split(delimiter) if delimiter else list(written(text))
    return parts[int(index)] if 0 <= int(index) < len(parts) else None


def join(delimiter: str, *values: Json) -> str:
    items = values[0] if len(values) == 1 and isinstance(values[0], list | tuple) else values
    return delimiter.join(written(v) for v in items)


def replace(text: Json, old: Json, new: Json) -> str:
    whole, there, instead = written(text), written(old), written(new)
    if len(whole) + whole.count(there) * len(instead) > MOST:
        raise TemplateFault(f"replace makes more than {MOST} characters")
    return whole.replace(there, instead)


def substring(text: Json, start: int, end: int | None = None) -> str:
    whole = written(text)
    a, b = (max(0, min(int(i), len(whole))) for i in (start, len(whole) if end is None else end))
    return whole[min(a, b) : max(a, b)]


def json_parse(text: Json) -> Json:
    try:
        return msgspec.json.decode(written(text))
    except msgspec.DecodeError as e:
        raise TemplateFault(f"jsonParse: {e}") from e


def base64_decode(text: Json) -> str:
    try:
        return base64.b64decode(written(text)).decode()
    except (binascii.Error, UnicodeDecodeError) as e:
        raise TemplateFault(f"base64Decode: {e}") from e


def _digest(name: str) -> str:
    if name.lower() not in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512"):
        raise TemplateFault(f"there is no hash {name!r}")
    return name.lower()


def _encoded(raw: bytes, encoding: str) -> str:
    return base64.b64encode(raw).decode() if encoding == "base64" else raw.hex()


def hash_(algorithm: str, encoding: str, text: Json) -> str:
    return _encoded(hashlib.new(_digest(algorithm), written(text).encode(), usedforsecurity=False).digest(), encoding)


def hmac_(algorithm: str, key: Json, encoding: str, text: Json) -> str:
    return _encoded(hmac.new(written(key).encode(), written(text).encode(), _digest(algorithm)).digest(), encoding)


def regex_match(text: Json, pattern: str, index: int = 0) -> Json:
    """The index-th piece of the text that matches."""
    mark = "\x00"
    cut = patterns.replace(f"({pattern})", rf"{mark}\1{mark}", written(text), _free).split(mark)
    return cut[2 * int(index) + 1] if 0 <= int(index) < len(cut) // 2 else None


def _free(units: int) -> None:
    """A helper's work is bounded by the length of a text and the number of statements."""


def _rounded(v: float, digits: int) -> str:
    if not 0 <= digits <= 100:
        raise ValueError("0 to 100 digits")
    return f"{v:.{digits}f}"


def _whole(v: float) -> float:
    return int(v) if math.isfinite(v) and v == int(v) else v


def _divided(a: Json, b: Json) -> float:
    return _whole(_number(a) / _number(b))


def _numbers(values: tuple[Json, ...]) -> list[float]:
    return [_number(v) for v in (values[0] if len(values) == 1 and isinstance(values[0], list) else values)]


def _average(*values: Json) -> float:
    numbers = _numbers(values)
    return _whole(sum(numbers) / len(numbers))


def _capitalized(text: Json) -> str:
    return written(text)[:1].upper() + written(text)[1:]


_TEXT: dict[str, Word] = {
    "split": split, "join": join, "replace": replace, "substring": substring, "lowercase": lambda s: written(s).lower(),
    "uppercase": lambda s: written(s).upper(), "trim": lambda s: written(s).strip(), "capitalize": _capitalized,
    "capitalizeAll": lambda s: " ".join(_capitalized(w) for w in written(s).split(" ")),
    "getValue": lambda v, otherwise="": otherwise if v in (None, "") else v,
    "first": lambda v, n=None: v[0] if n is None else v[: int(n)], "last": lambda v, n=None: v[-1] if n is None else v[-int(n) :],
    "arrayify": lambda v: v if isinstance(v, list) else [v], "count": len, "reverse": lambda v: v[::-1],
    "regexReplace": lambda s, new, pattern, flags="": patterns.replace(pattern, new, written(s), _free),
    "regexSearch": lambda s, pattern, flags="": _position(pattern, written(s)), "regexMatch": regex_match,
}  # fmt: skip
_CODES: dict[str, Word] = {
    "jsonSerialize": to_json, "jsonStringify": to_json, "jsonParse": json_parse, "jsonEncode": lambda s: in_json(written(s)),
    "encodeURI": lambda s: quote(written(s), safe="-_.!~*'()"), "decodeURI": lambda s: unquote(written(s)),
    "base64Encode": lambda s: base64.b64encode(written(s).encode()).decode(), "base64Decode": base64_decode,
    "hash": hash_, "hmac": hmac_,
}  # fmt: skip
_MATHS: dict[str, Word] = {
    "add": lambda *v: _whole(sum(map(_number, v))), "subtract": lambda a, b: _whole(_number(a) - _number(b)),
    "multiply": lambda a, b: _whole(_number(a) * _number(b)), "divide": _divided, "modulo": lambda a, b: math.fmod(_number(a), _number(b)),
    "abs": lambda v: abs(_number(v)), "ceil": lambda v: math.ceil(_number(v)), "floor": lambda v: math.floor(_number(v)),
    "round": lambda v: math.floor(_number(v) + 0.5), "toFixed": lambda v, digits=0: _rounded(_number(v), int(digits)),
    "sum": lambda *v: _whole(sum(_numbers(v))), "avg": _average,
}  # fmt: skip
_LOGIC: dict[str, Word] = {
    "compare": compare, "contains": contains, "and": lambda *v: not any(map(is_empty, v)), "or": lambda *v: not all(map(is_empty, v)),
    "not": is_empty, "eq": loosely, "ne": lambda a, b: not loosely(a, b), "gt": _COMPARISONS[">"],
    "gte": _COMPARISONS[">="], "lt": _COMPARISONS["<"], "lte": _COMPARISONS["<="],
}  # fmt: skip


def _position(pattern: str, text: str) -> int:
    found = patterns.search(f"({pattern})", text, _free)
    return -1 if found is None else text.find(found)


def _rules(text: str) -> Json:
    return msgspec.json.decode(text)


#: Ours, for what a compiled document reads: no template of a person needs them.
_READING: dict[str, Word] = {
    "jsonPath": reshape.at, "resourceOf": reshape.resource, "statusOf": reshape.status,
    "isOneOf": reshape.is_one_of, "reshaped": lambda v, mapping: reshape.reshaped(v, _rules(mapping)),
    "keeps": lambda v, rule: reshape.holds(v, _rules(rule)),
}  # fmt: skip


def words(now: Callable[[], float]) -> Mapping[str, Word]:
    """Every helper by its name. A value that answers a question may stand as a block too: `{{#and a b}}...{{/and}}`."""
    return {**_TEXT, **_CODES, **_MATHS, **_LOGIC, **_READING, **calendar(now)}
