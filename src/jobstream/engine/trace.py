"""A wire, and what an event says of an answer, as people may see it."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from jobstream.jobs.event import AnyEvent, AttemptEnded, Passed, Retried, StatusSeen
from jobstream.kinds import Wire
from jobstream.redact import Redactor


def shown(r: Redactor, wire: Wire, secret_url: bool) -> tuple[str, dict[str, str], str]:
    return r.url(wire.url, secret_url), r.headers(wire.headers), r.body(wire.body)


def masked(event: AnyEvent, redacted: Callable[[str], str]) -> AnyEvent:
    """An API that repeats a secret in its answer does not bring it into words that are shown and kept as they are."""
    if isinstance(event, Passed | Retried | AttemptEnded | StatusSeen) and event.fault is not None:
        event = replace(event, fault=replace(event.fault, say=redacted(event.fault.say), seen=redacted(event.fault.seen)))
    return replace(event, text=redacted(event.text)) if isinstance(event, StatusSeen) else event
