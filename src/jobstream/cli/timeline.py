"""A job's events as lines of time, for people."""

from __future__ import annotations

from collections.abc import Iterable

from jobstream.cli.progress import clock_text
from jobstream.cli.telling import seconds_text, tell
from jobstream.jobs.event import AnyEvent, StatusSeen


def timeline(events: Iterable[AnyEvent]) -> list[str]:
    """`10:00:03  +2.1s  poll 3: 'pending' means running`; polls in a row that say the same are one line."""
    out: list[str] = []
    began, last = None, ""
    for e in events:
        began = e.at if began is None else began
        said = tell(e)
        if isinstance(e, StatusSeen) and e.status == "running" and last == e.text:
            out.pop()
        last = e.text if isinstance(e, StatusSeen) and e.status == "running" else ""
        out.append(f"{clock_text(e.at)}  {'+' + seconds_text(e.at - began):>8}  {said}")
    return out
