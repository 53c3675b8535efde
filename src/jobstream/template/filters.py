"""The filters of Airbyte's templates, and those of Jinja that stay, each bounded."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import pass_context
from jinja2.filters import FILTERS, make_attrgetter
from jinja2.runtime import Context, Undefined

from jobstream.template import patterns
from jobstream.template.budget import NODE, Budget
from jobstream.template.language import MOST, TemplateFault

_WIDE = re.compile(r"%[^a-zA-Z%]*(?:\*|\d{3,})")
_SHORT = (int, float, dt.date, dt.timedelta, Undefined, type(None))  # less than 500 characters, whatever they are
BUDGET = " budget"  # no template can write this name
_KEPT = ("abs", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "groupby",
         "indent", "int", "items", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse",
         "round", "safe", "select", "selectattr", "slice", "sort", "sum", "title", "tojson", "trim", "truncate", "unique",
         "upper", "urlencode", "wordcount")  # fmt: skip
#: Filters whose result grows with a number that they are given: the largest.
_SIZED = {"batch": 10_000, "center": 10_000, "indent": 100, "round": 300, "slice": 10_000, "tojson": 100}


def hashed(text: Any, hash_type: str = "md5", salt: str | None = None) -> str:
    """Hexadecimal digest of the text with the salt behind it."""
    if hash_type not in hashlib.algorithms_guaranteed or hash_type.startswith("shake"):
        raise TemplateFault(f"there is no hash {hash_type!r}")
    return hashlib.new(hash_type, (str(text) + (salt or "")).encode(), usedforsecurity=False).hexdigest()


def keyed(text: Any, key: str, hash_type: str = "sha256") -> str:
    if hash_type != "sha256":
        raise TemplateFault(f"hmac knows sha256, not {hash_type!r}")
    return hmac.new(str(key).encode(), str(text).encode(), hashlib.sha256).hexdigest()


def base64encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def base64decode(text: str) -> str:
    try:
        return base64.b64decode(text.encode()).decode()
    except (binascii.Error, UnicodeDecodeError) as e:
        raise TemplateFault(f"this is no Base64 of a text: {e}") from e


def base64binascii_decode(text: str) -> str:
    """Encodes, despite its name: the CDK's filter does."""
    return base64.standard_b64encode(text.encode("ascii")).decode("ascii")


def string(value: Any) -> str:
    """Text as it is; anything else in the quoted form that the literal rule reads back as text."""
    if isinstance(value, str):
        return value
    return '"""' + json.dumps(value, default=str) + '"""'


@pass_context
def regex_search(context: Context, text: Any, pattern: str) -> str:
    return patterns.search(pattern, str(text or ""), budget_of(context).pay) or ""


@pass_context
def regex_replace(context: Context, text: Any, pattern: str, with_: str) -> str:
    return patterns.replace(pattern, with_, str(text or ""), budget_of(context).pay)


@pass_context
def join(context: Context, value: Iterable[Any], d: Any = "", attribute: str | int | None = None) -> str:
    budget, get = budget_of(context), make_attrgetter(context.environment, attribute) if attribute is not None else None
    parts = [str(budget.weigh(get(item) if get else item)) for item in value]
    budget.text(sum(map(len, parts)) + len(str(d)) * len(parts))
    return str(d).join(parts)


@pass_context
def replace(context: Context, value: Any, old: Any, new: Any, count: int | None = None) -> str:
    return replaced(budget_of(context), str(value), str(old), str(new), -1 if count is None else count)


def replaced(budget: Budget, text: str, old: str, new: str, count: int = -1) -> str:
    budget.text(len(text) + text.count(old) * len(new))
    return text.replace(old, new, count)


@pass_context
def formatted(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
    """Jinja's `format` is the % of old."""
    return percent(budget_of(context), str(value), kwargs or args)


def percent(budget: Budget, form: str, given: Any) -> str:
    """`form % given`, when it can be said beforehand how long it will be."""
    if _WIDE.search(form):
        raise TemplateFault(f"{form[:60]!r} asks for a width that is too large")
    values = given.values() if isinstance(given, dict) else given if isinstance(given, tuple) else (given,)
    longest = max((len(v) if isinstance(v, str) else 500 if isinstance(v, _SHORT) else MOST for v in values), default=0)
    budget.text(len(form) + form.count("%") * longest)
    return str(form % given)


def budget_of(context: Context) -> Budget:
    found: Budget = context.parent[BUDGET]
    return found


def _bounded(name: str, filter_: Callable[..., Any]) -> Callable[..., Any]:
    """Arguments are judged, the result is weighed."""
    passed, most = getattr(getattr(filter_, "jinja_pass_arg", None), "name", ""), _SIZED.get(name, MOST)

    def run(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        budget = budget_of(context)
        budget.pay(NODE)
        for number in (*args, *kwargs.values()) if name in _SIZED else ():
            if isinstance(number, int) and abs(number) > most:
                raise TemplateFault(f"{number} is too much for {name}, {most} at most")
        given = {"context": (context,), "eval_context": (context.eval_ctx,), "environment": (context.environment,)}.get(
            passed, ()
        )
        return budget.weigh(filter_(*given, budget.weigh(value), *args, **kwargs))

    return pass_context(run)


def filters() -> dict[str, Callable[..., Any]]:
    own = {"hash": hashed, "hmac": keyed, "base64encode": base64encode, "base64decode": base64decode, "join": join,
           "base64binascii_decode": base64binascii_decode, "string": string, "regex_search": regex_search,
           "regex_replace": regex_replace, "replace": replace, "format": formatted}  # fmt: skip
    kept = {name: FILTERS[name] for name in _KEPT}
    return {name: _bounded(name, f) for name, f in {**kept, **own}.items()}
