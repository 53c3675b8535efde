"""`jobstream jobs collect` and `jobs cancel --now`: live jobs taken over by the plan and config that made them."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jobstream.cli.run import perform, wish_of
from jobstream.errors import UsageError

if TYPE_CHECKING:
    from jobstream.app import App
    from jobstream.ledger.runs import Run
    from jobstream.ledger.shelf import Seen


async def collect(app: App, args: argparse.Namespace, origins: dict[str, str]) -> int:
    """Each run that has live jobs, one after another. The exit code: 1 where one did not end well."""
    code, done = 0, 0
    for run, jobs in _runs(app, args):
        with contextlib.closing(app.runs()) as runs:
            plan, config = app.of_run(runs, run)
        if plan is None:
            raise UsageError("the plan of this job is no longer in the ledger", where=jobs[0].id)
        more: dict[str, Any] = {"only": frozenset(j.id for j in jobs), "collect": True, "origins": origins}
        if args.verb == "cancel":
            args.to, args.format, args.write = _there(run)
            more["cancel"] = "a person"
        done += len(jobs)
        code = max(code, await perform(app, plan, config, wish_of(args, app.project.settings, **more), args))
    if not done:
        print("there is no live job", file=sys.stderr)
    return code if args.verb == "collect" else 0


def _runs(app: App, args: argparse.Namespace) -> Iterator[tuple[Run, list[Seen]]]:
    """Live jobs by the newest run whose plan asks what they asked."""
    with contextlib.closing(app.shelf()) as shelf, contextlib.closing(app.runs()) as runs:
        chosen = shelf.jobs(source=args.source, live=True) if args.verb == "collect" else [shelf.job(j).seen for j in args.jobs]
        by: dict[str, tuple[Run, list[Seen]]] = {}
        for job in chosen:
            run = runs.that_asked(job.stream, job.asked)
            if run is not None:
                by.setdefault(run.id, (run, []))[1].append(job)
    yield from by.values()


def _there(run: Run) -> tuple[str, str, str]:
    """Back from Wish.there."""
    form, within, folder = run.destination.partition(" in ")
    return (folder, form, "append") if within else ("-", "jsonl", "append")
