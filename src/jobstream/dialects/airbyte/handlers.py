"""Error handlers -> rules, and backoff strategies -> waits."""

from __future__ import annotations

from typing import NamedTuple

from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.faults import near
from jobstream.dialects.airbyte.places import Node
from jobstream.dialects.airbyte.tables import BACKOFF, FAILURES, VERDICTS
from jobstream.plan.exchange import RETRY_AFTER, Read, Rule, Verdict, Wait, When

_HANDLERS = ("DefaultErrorHandler", "CompositeErrorHandler")
_STRATEGIES = ("ConstantBackoffStrategy", "ExponentialBackoffStrategy", "WaitTimeFromHeader", "WaitUntilTimeFromHeader")
_DENIED = ("401", "403")


class Handled(NamedTuple):
    rules: tuple[tuple[Rule, ...], ...] = ((),)
    retries: int = 5
    waits: tuple[Wait, ...] = (RETRY_AFTER, BACKOFF)


def handled(c: Context, requester: Node, behind: tuple[Rule, ...] = (), *, download: bool = False) -> Handled:
    """behind: rules that stand after all of the author's own, in every list. download: the body is data, not to be searched."""
    found = c.typed(requester, "error_handler", _HANDLERS, "DefaultErrorHandler")
    if found is None:
        return Handled((behind,))
    leaves = list(_leaves(c, *found))
    own = [tuple(r for f in _filters(c, h) for r in _rules(c, f, download)) for h in leaves]
    later = [tuple(r for rules in own[i + 1 :] for r in rules) if behind else () for i in range(len(own))]
    rules = tuple((*mine, *others, *behind) for mine, others in zip(own, later, strict=True))
    waits = tuple(w for h in leaves for w in _waits(c, h))
    told = () if any(w.read is not None for w in waits) else (RETRY_AFTER,)
    retries = c.whole(leaves[0], "max_retries", 5) if leaves else 5
    return Handled(rules or (behind,), retries, (*told, *waits, BACKOFF))


def _leaves(c: Context, node: Node, type_: str) -> list[Node]:
    if type_ == "DefaultErrorHandler":
        return [node]
    c.require(node, "error_handlers")
    found = [c.known(n, _HANDLERS, "DefaultErrorHandler") for n in c.nodes(node, "error_handlers")]
    return [leaf for f in found if f for leaf in _leaves(c, *f)]


def _filters(c: Context, handler: Node) -> list[Node]:
    found = [c.known(n, ("HttpResponseFilter",), "HttpResponseFilter") for n in c.nodes(handler, "response_filters")]
    return [f[0] for f in found if f]


def _rules(c: Context, f: Node, download: bool) -> list[Rule]:
    """A filter matches when any of its conditions holds: one rule each, or two where the code decides how bad it is."""
    action = c.text(f, "action")
    if not action:
        c.faults.warn("ignored", f.at, "a filter without an action", "it changes nothing")
        return []
    if action not in VERDICTS:
        c.faults.tell("wrong_value", f.place("action"), action, near(action, VERDICTS))
        return []
    out: list[Rule] = []
    for when, place in _conditions(c, f, download):
        for part, verdict in _verdicts(c, f, action, when):
            c.made(
                part, f.at, holds=f.place("predicate"), codes=f.place("http_codes"), contains=f.place("error_message_contains")
            )
            say = c.text(f, "error_message")
            out.append(
                c.made(
                    Rule(then=verdict, say=say, when=part),
                    f.place("action"),
                    then=f.place("action"),
                    say=f.place("error_message"),
                    when=place,
                )
            )
    if not out:
        c.faults.warn("ignored", f.at, "a filter without a condition", "it never matches")
    return out


def _conditions(c: Context, f: Node, download: bool) -> list[tuple[When, str]]:
    codes = tuple(code for cell in c.items(f, "http_codes") if (code := _code(c, f, cell.at, cell.raw)))
    out = [(When(codes=codes), f.place("http_codes"))] if codes else []
    if holds := c.condition(f, "predicate"):
        out.append((When(holds=holds), f.place("predicate")))
    if words := c.fixed_text(f, "error_message_contains"):
        out.append((When(contains=words, codes=("400-599",) if download else ()), f.place("error_message_contains")))
    return out


def _code(c: Context, f: Node, at: str, raw: object) -> str:
    text = str(raw).strip()
    if text.isdecimal() and 100 <= int(text) <= 599:
        return str(int(text))
    c.faults.tell("wrong_value", at, repr(raw), "an HTTP status code is expected")
    return ""


def _verdicts(c: Context, f: Node, action: str, when: When) -> list[tuple[When, Verdict]]:
    if action == "IGNORE":  # an answer below 400 that is ignored is read as usual
        return _split(when, tuple(str(n) for n in range(200, 400)), "200-399", "accept", "skipped")
    if action != "FAIL":
        return [(when, VERDICTS[action])]
    failure = c.text(f, "failure_type")
    if failure and failure not in FAILURES:
        c.faults.tell("wrong_value", f.place("failure_type"), failure, near(failure, FAILURES))
    if failure:
        return [(when, "halt" if failure == "config_error" else "stop")]
    return _split(when, _DENIED, ",".join(_DENIED), "halt", "stop")


def _split(when: When, codes: tuple[str, ...], spelt: str, inside: Verdict, outside: Verdict) -> list[tuple[When, Verdict]]:
    """The same condition, with one verdict for some codes and another for the rest."""
    if when.codes and not when.contains and not when.holds:
        a, b = [x for x in when.codes if x in codes], [x for x in when.codes if x not in codes]
        parts: list[tuple[list[str], Verdict]] = [(a, inside), (b, outside)]
        return [(When(codes=tuple(xs)), v) for xs, v in parts if xs]
    narrow = () if when.codes else tuple(spelt.split(","))
    first = [(When(codes=narrow, contains=when.contains, holds=when.holds), inside)] if narrow else []
    return [*first, (when, outside)]


def _waits(c: Context, handler: Node) -> list[Wait]:
    out = []
    for node in c.nodes(handler, "backoff_strategies"):
        found = c.known(node, _STRATEGIES)
        if found is not None and (wait := _wait(c, *found)) is not None:
            out.append(c.made(wait, node.at))
    return out


def _wait(c: Context, node: Node, type_: str) -> Wait | None:
    if type_ == "ConstantBackoffStrategy":
        c.require(node, "backoff_time_in_seconds")
        first = c.number(node, "backoff_time_in_seconds", 0.0)
        return Wait(first=first, most=max(first, 3600.0), jitter=_jitter(c, node, first)) if first else None
    if type_ == "ExponentialBackoffStrategy":
        first = c.number(node, "factor", 5.0) * 2
        return Wait(first=first, factor=2.0, jitter=_jitter(c, node, first)) if first else None
    c.require(node, "header")
    if "regex" in node.fields:
        c.faults.warn(
            "ignored", node.place("regex"), c.text(node, "regex"), "the header's value is read whole: seconds, or a date"
        )
    most = c.number(node, "max_waiting_time_in_seconds", 3600.0)
    read = Read(at="header", path=(c.fixed_text(node, "header"),))
    if type_ == "WaitTimeFromHeader":
        return Wait(read=read, most=most, jitter=0.0)
    return Wait(read=read, unit="epoch", least=min(c.number(node, "min_wait", 0.0), most), most=most, jitter=0.0)


def _jitter(c: Context, node: Node, first: float) -> float:
    """Airbyte's range lies on both sides of the wait and begins at it: up to twice the range is added."""
    if "jitter_range_in_seconds" not in node.fields or not first:
        return 0.0
    return min(1.0, 2 * c.number(node, "jitter_range_in_seconds", 0.0) / first)
