"""api_budget: policies -> budgets of the source; which one a request counts against is settled when the manifest is read."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.places import Node
from jobstream.plan.source import Budget

_POLICIES = ("FixedWindowCallRatePolicy", "MovingWindowCallRatePolicy", "UnlimitedCallRatePolicy")
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


class Matcher(NamedTuple):
    method: str
    base: str
    path: re.Pattern[str] | None


class Policy(NamedTuple):
    """name: '' where requests are not limited. No matcher: every request."""

    name: str
    matchers: tuple[Matcher, ...]


def policies(c: Context, root: Node) -> tuple[Policy, ...]:
    found = c.typed(root, "api_budget", ("HTTPAPIBudget",), "HTTPAPIBudget")
    if found is None:
        return ()
    c.require(found[0], "policies")
    known = [c.known(n, _POLICIES) for n in c.nodes(found[0], "policies")]
    return tuple(_policy(c, i, *k) for i, k in enumerate(known) if k)


def _policy(c: Context, i: int, node: Node, type_: str) -> Policy:
    matchers = tuple(_matcher(c, m) for m in c.nodes(node, "matchers"))
    if type_ == "UnlimitedCallRatePolicy":
        return Policy("", matchers)
    name = f"budget{i + 1}"
    if type_ == "FixedWindowCallRatePolicy":
        c.require(node, "period", "call_limit")
        budget = Budget(rate=c.whole(node, "call_limit", 1, least=1), per=period(c, node, "period"))
    else:
        budget = _slowest(c, node)
    c.budgets[name] = c.made(budget, node.at)
    return Policy(name, matchers)


def _slowest(c: Context, node: Node) -> Budget:
    c.require(node, "rates")
    rates = []
    for rate in c.nodes(node, "rates"):
        c.check(rate, "Rate")
        c.require(rate, "limit", "interval")
        rates.append(Budget(rate=c.whole(rate, "limit", 1, least=1), per=period(c, rate, "interval")))
    return min(rates, key=lambda b: b.rate / b.per, default=Budget())


def period(c: Context, node: Node, field: str) -> float:
    """An ISO 8601 duration, in seconds; a month has thirty days."""
    import isodate

    text = c.fixed_text(node, field)
    try:
        got = isodate.parse_duration(text)
        months = 0.0 if isinstance(got, timedelta) else float(got.years * 12 + got.months)
        seconds = (got if isinstance(got, timedelta) else got.tdelta).total_seconds() + months * 30 * 86400
    except (isodate.ISO8601Error, ValueError, OverflowError, TypeError, AttributeError):
        seconds = 0.0
    if seconds > 0:
        return seconds
    if text:
        c.faults.tell("wrong_value", node.place(field), text, "an ISO 8601 duration such as PT1M is expected")
    return 1.0


def _matcher(c: Context, node: Node) -> Matcher:
    c.check(node, "HttpRequestRegexMatcher")
    pattern = c.fixed_text(node, "url_path_pattern")
    try:
        path = re.compile(pattern) if pattern else None
    except re.error as e:
        c.faults.tell("wrong_value", node.place("url_path_pattern"), pattern, str(e))
        path = None
    return Matcher(c.fixed_text(node, "method").upper(), c.fixed_text(node, "url_base").rstrip("/"), path)


def budget_of(c: Context, method: str, url: str) -> str:
    """The first policy that fits counts. Templates in a URL stand for any one segment."""
    text = _TEMPLATE.sub("x", url)
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    for policy in c.policies:
        if not policy.matchers or any(_fits(m, method, origin, path) for m in policy.matchers):
            return policy.name
    return ""


def _fits(m: Matcher, method: str, origin: str, path: str) -> bool:
    return (
        (not m.method or m.method == method)
        and (not m.base or m.base == origin)
        and (m.path is None or bool(m.path.search(path)))
    )
