"""Where records go: the destination of a wish, and what becomes of the files of earlier runs."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from jobstream.wish import GOOD, Outcome, Wish

ALL = -1  # no limit, to SQLite

if TYPE_CHECKING:
    from jobstream.app import App
    from jobstream.kinds import Destination
    from jobstream.plan.source import SourcePlan


def destination_of(plan: SourcePlan, wish: Wish) -> Destination:
    """Raises UsageError, KeepingError: told before a remote job is made."""
    from jobstream.destinations.catalog import open_destination

    schemas = {s.name: s.schema for s in plan.streams if s.schema is not None}
    return open_destination(wish.format, wish.to, schemas=schemas)


def supersede(app: App, destination: Destination, plan: SourcePlan, wish: Wish, outcome: Outcome) -> None:
    """A stream without a cursor is read whole each time: its new files take the place of the old ones, once all are there."""
    from jobstream.destinations.files import Files, written

    if not isinstance(destination, Files) or outcome.no_wait or wish.cancel:
        return
    for stream in plan.streams:
        replaces = wish.write == "replace" or (wish.write == "auto" and stream.cursor is None)
        mine = [j for j in outcome.jobs.values() if j.stream == stream.name]
        if not replaces or not mine or any(j.phase not in GOOD for j in mine):
            continue
        if wish.write == "auto" and not any(len(j.targets) for j in mine):
            continue  # nothing to download may be a path with a slip of the pen: what is there stays
        runs = {run_of(written(j.id)) for j in mine}
        if wish.collect and not _whole(app, stream.name, runs):
            continue
        names, others = {written(j.id) for j in mine}, _of_others(app, plan.name)
        # ids grow with time: what is collected does not take away what a later run has delivered
        since = min(runs) if wish.collect else ""
        destination.supersede(stream.name, partial(_stays, names=names, others=others, since=since))


def _stays(name: str, *, names: set[str], others: set[str], since: str) -> bool:
    return name in names or run_of(name) in others or bool(since and run_of(name) >= since)


def _of_others(app: App, source: str) -> set[str]:
    """Runs of other sources of this project: their files are not this one's to take away, whatever their streams are called."""
    with contextlib.closing(app.runs()) as runs:
        return {r.id for r in runs.list(most=ALL) if r.source != source}


def run_of(name: str) -> str:
    """Of a job, as the names of its files have it."""
    return name.partition("-")[0]


def _whole(app: App, stream: str, runs: set[str]) -> bool:
    """What is collected are the jobs that were still alive; those that ended before must have ended well too."""
    with contextlib.closing(app.shelf()) as shelf:
        return all(s.phase in GOOD for s in shelf.jobs(stream=stream) if s.run in runs)
