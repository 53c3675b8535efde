"""Where records go: the destination of a wish, and what becomes of the files of earlier runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobstream.wish import GOOD, Outcome, Wish

if TYPE_CHECKING:
    from jobstream.kinds import Destination
    from jobstream.plan.source import SourcePlan


def destination_of(plan: SourcePlan, wish: Wish) -> Destination:
    """Raises UsageError, KeepingError: told before a remote job is made."""
    from jobstream.destinations.catalog import open_destination

    schemas = {s.name: s.schema for s in plan.streams if s.schema is not None}
    return open_destination(wish.format, wish.to, schemas=schemas)


def supersede(destination: Destination, plan: SourcePlan, wish: Wish, outcome: Outcome) -> None:
    """A stream without a cursor is read whole each time: its new files take the place of the old ones, once all are there."""
    from jobstream.destinations.files import Files, written

    if not isinstance(destination, Files) or outcome.no_wait or wish.collect:
        return
    for stream in plan.streams:
        replaces = wish.write == "replace" or (wish.write == "auto" and stream.cursor is None)
        mine = [j for j in outcome.jobs.values() if j.stream == stream.name]
        if replaces and mine and all(j.phase in GOOD for j in mine):
            names = {written(j.id) for j in mine}
            destination.supersede(stream.name, names.__contains__)
