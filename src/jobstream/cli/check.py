"""Is the connection alive? One job of one stream is made and its status asked for once; it is aborted where the plan says how."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from jobstream.cli.telling import fault_text
from jobstream.jobs.event import AnyEvent, PartDelivered, StatusSeen
from jobstream.jobs.job import Job
from jobstream.plan.stream import Limits
from jobstream.wish import Outcome, Wish

if TYPE_CHECKING:
    from jobstream.app import App
    from jobstream.plan.source import SourcePlan


async def check(app: App, plan: SourcePlan, config: dict[str, Any], origins: dict[str, str]) -> str | None:
    """None: it works. Else why not, in words. Nothing of it is kept: it has a project of its own, which goes when it ends."""
    from jobstream.app import App as Another
    from jobstream.destinations.nothing import Nothing
    from jobstream.project import Project

    stop, seen = asyncio.Event(), list[AnyEvent]()

    def watch(job: Job, event: AnyEvent) -> None:
        if isinstance(event, PartDelivered) or (isinstance(event, StatusSeen) and event.status in ("running", "completed")):
            seen.append(event)
            stop.set()

    names = plan.check or tuple(s.name for s in plan.streams[:1])
    wish = Wish(streams=names[:1], attempts=1, limits=Limits(slices=1), origins=origins)
    with tempfile.TemporaryDirectory(prefix="jobstream-check-") as folder:
        project = Project(Path(folder))
        project.settings = structs.replace(app.project.settings, stop_seconds=10.0)
        outcome = await Another(project, app.clock).run(
            plan, config, wish, Nothing(), watch=watch, stop=stop)  # fmt: skip
    return None if seen or outcome.good else _why(outcome)


def _why(outcome: Outcome) -> str:
    for job in outcome.jobs.values():
        if job.fault is not None:
            return f"stream {job.stream}: {fault_text(job.fault)}"
    return "no job could be made"
