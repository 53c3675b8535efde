"""Jinja's sandbox with the doors that it leaves open shut: what a template calls is named here, what it makes is paid for.

Source: Airbyte CDK, JinjaInterpolation: a sandbox with silent undefined, without `range`. Jinja's own sandbox stops access to
internals, not templates that run or grow without end.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context, LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment, SandboxedFormatter
from jinja2.utils import Cycler, Joiner, Namespace

from jobstream.template.budget import NODE, Budget, joined
from jobstream.template.filters import budget_of, filters, percent, replaced
from jobstream.template.language import MOST, TemplateFault
from jobstream.template.seen import SliceView

MUTATORS = frozenset(("append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear", "update", "setdefault", "add", "discard"))  # fmt: skip
_LISTS = frozenset(("count", "index", "copy"))
_SETS = frozenset(
    ("copy", "union", "intersection", "difference", "symmetric_difference", "issubset", "issuperset", "isdisjoint")
)
#: The methods that may be called, by the type of what they belong to.
_METHODS: tuple[tuple[type | tuple[type, ...], frozenset[str]], ...] = (
    (str, frozenset((
        "capitalize", "casefold", "center", "count", "encode", "endswith", "expandtabs", "find", "format", "format_map", "index",
        "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isspace", "istitle",
        "isupper", "join", "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex",
        "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper",
        "zfill"))),
    (bytes, frozenset(("decode", "hex"))),
    ((int, float), frozenset(("is_integer", "bit_length"))),
    (Mapping, frozenset(("get", "items", "keys", "values", "copy"))),
    ((list, tuple), _LISTS),
    ((set, frozenset), _SETS),
    ((dt.date, dt.time, dt.timedelta), frozenset((
        "astimezone", "date", "dst", "isocalendar", "isoformat", "isoweekday", "replace", "strftime", "time", "timestamp", "timetz",
        "total_seconds", "tzname", "utcoffset", "weekday"))),
    ((LoopContext, Cycler), frozenset(("cycle", "changed", "next", "reset"))),
)  # fmt: skip
_CALLED = (Macro, LoopContext, Joiner, Undefined)


class _Formatter(SandboxedFormatter):
    """`str.format` up to the length that a template may make."""

    made = 0

    def format_field(self, value: Any, format_spec: str) -> Any:
        digits = "".join(c if c.isdigit() else " " for c in format_spec).split()
        if any(len(d) > 3 for d in digits):
            raise TemplateFault(f"{format_spec!r} asks for a width that is too large")
        out = super().format_field(value, format_spec)
        self.made += len(out)
        if self.made > MOST:
            raise TemplateFault(f"the template makes a text of more than {MOST} characters")
        return out


class Sandbox(ImmutableSandboxedEnvironment):
    """mutable: templates that append to lists of their own; what they are given must be copied."""

    intercepted_binops = frozenset(("+", "*", "**", "%"))
    concat = staticmethod(joined)

    def __init__(self, functions: Mapping[str, Callable[..., Any]], *, mutable: bool) -> None:
        super().__init__(finalize=_shown, optimized=False)
        self.mutable = mutable
        self.globals = {"dict": dict, "namespace": Namespace, "cycler": Cycler, "joiner": Joiner, **functions}
        self._functions = frozenset(map(id, self.globals.values()))
        self.filters = {**filters(), STEP: _step, WEIGH: _weighed, EACH: _each, CONCAT: _concat}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if attr == "_partition" and isinstance(obj, SliceView):
            return True
        return (SandboxedEnvironment if self.mutable else ImmutableSandboxedEnvironment).is_safe_attribute(
            self, obj, attr, value
        )

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        budget = budget_of(context)
        if operator == "%" and isinstance(left, str):
            return percent(budget, left, right)
        if operator == "*":
            budget.product(left, right)
        elif operator == "**":
            budget.power(left, right)
        elif isinstance(left, str) and isinstance(right, str):
            budget.text(len(left) + len(right))
        return budget.weigh(self.binop_table[operator](left, right))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        name, form = getattr(value, "__name__", ""), getattr(value, "__self__", None)
        if name not in ("format", "format_map") or not isinstance(form, str):
            return None

        def wrapper(*args: Any, **kwargs: Any) -> str:
            given = args[0] if name == "format_map" else kwargs
            return _Formatter(self).vformat(form, () if name == "format_map" else args, given)

        wrapper.__name__ = name
        vars(wrapper)["__self__"] = form
        return wrapper

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805  as in Jinja
        budget = budget_of(__context)
        budget.pay(NODE)
        __self._permit(__obj)
        for arg in (*args, *kwargs.values()):
            budget.weigh(arg)
        owner, name = getattr(__obj, "__self__", None), getattr(__obj, "__name__", "")
        if isinstance(owner, str):
            budget.text(len(owner))
            if name in _GROWING:
                return _GROWING[name](budget, owner, *args, **kwargs)
        return budget.weigh(__context.call(__obj, *args, **kwargs))

    def _permit(self, obj: Any) -> None:
        """Raises TemplateFault for what is no function of this language."""
        if id(obj) in self._functions or isinstance(obj, _CALLED):
            return
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        for kinds, names in _METHODS:
            if isinstance(owner, kinds):
                if name in names or (name in MUTATORS and self.mutable):
                    return
                break
        raise TemplateFault(f"{name or type(obj).__name__!r} cannot be called in a template")


def _join(budget: Budget, text: str, items: Iterable[Any]) -> str:
    parts = [str(budget.weigh(x)) for x in items]
    budget.text(sum(map(len, parts)) + len(text) * len(parts))
    return text.join(parts)


def _padded(name: str) -> Callable[..., str]:
    def pad(budget: Budget, text: str, width: int, *fill: str) -> str:
        budget.text(width)
        return str(getattr(str, name)(text, width, *fill))

    return pad


def _expanded(budget: Budget, text: str, tabsize: int = 8) -> str:
    budget.text(len(text) + text.count("\t") * tabsize)
    return text.expandtabs(tabsize)


#: Methods of text whose result may be larger than all that they are given.
_GROWING: dict[str, Callable[..., str]] = {
    "replace": replaced, "join": _join, "expandtabs": _expanded, **{n: _padded(n) for n in ("center", "ljust", "rjust", "zfill")}
}  # fmt: skip

#: Filters that only rewritten templates can name.
STEP, WEIGH, EACH, CONCAT = " step", " weigh", " each", " concat"


@pass_context
def _weighed(context: Context, value: Any) -> Any:
    return value if type(value) is str else budget_of(context).weigh(value)


@pass_context
def _shown(context: Context, value: Any) -> Any:
    """What is written out: never a function, as `{{ config.items }}` would be."""
    if isinstance(value, BuiltinMethodType | MethodType | FunctionType):
        raise TemplateFault(f"{value.__name__!r} is a function here: a field of that name is had by ['{value.__name__}']")
    return _weighed(context, value)


@pass_context
def _step(context: Context, units: int) -> str:
    budget_of(context).pay(units)
    return ""


@pass_context
def _each(context: Context, items: Iterable[Any], units: int) -> Any:
    pay = budget_of(context).pay
    for item in items:
        pay(units)
        yield item


@pass_context
def _concat(context: Context, parts: tuple[Any, ...]) -> str:
    budget = budget_of(context)
    texts = [str(budget.weigh(x)) for x in parts]
    budget.text(sum(map(len, texts)))
    return "".join(texts)
