"""`jobstream jobs`: the ledger, read and used by people. Works beside a running process."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

from jobstream.cli.options import add_project, add_world, origins_of, project_of
from jobstream.cli.run import add_delivery, add_talk
from jobstream.errors import UsageError

if TYPE_CHECKING:
    from jobstream.ledger.shelf import Seen, Shelf
    from jobstream.redact import Redactor

EPILOG = """\
examples:
  jobstream jobs list --live                 what is owed, and what the API said last
  jobstream jobs show e8ce.7534               the timeline of one job; any piece of its id will do
  jobstream jobs cancel e8ce.7534             the run that has it aborts the remote job; if none runs: --now
  jobstream jobs collect --to out            take over what is live, download and deliver; create nothing
  jobstream jobs orphans                     remote jobs that may be left at the API, for you to look after
  jobstream jobs resolve e8ce.7534 --found 42 a creation without an answer: you looked, and this is its id
  jobstream jobs prune --older 30d           forget jobs that ended long ago"""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def add(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    _listing(verbs.add_parser("list", help="jobs, newest last"))
    show = verbs.add_parser("show", help="one job: where it stands and its timeline")
    _one(show)
    cancel = verbs.add_parser("cancel", help="ask for an end; the remote job is aborted where the document says how")
    cancel.add_argument("jobs", metavar="JOB", nargs="+", help="its id, or a piece of it")
    cancel.add_argument("--now", action="store_true", help="no process runs the source: take the job over and end it here")
    collect = verbs.add_parser(
        "collect", help="take over live jobs and deliver their results; creates no remote job for a new slice"
    )
    collect.add_argument("source", nargs="?", default="", help="only of this source (default: every one that has live jobs)")
    add_delivery(collect)
    resolve = verbs.add_parser("resolve", help="answer for a parked job: its remote job was found, or was not made")
    _one(resolve)
    found = resolve.add_mutually_exclusive_group(required=True)
    found.add_argument("--found", metavar="ID", help="the API's id of the job that was made")
    found.add_argument("--not-made", action="store_true", help="the API has no such job")
    orphans = verbs.add_parser("orphans", help="remote jobs that may be left behind")
    orphans.add_argument("--source", default="", help="only of this source")
    prune = verbs.add_parser("prune", help="forget jobs that have ended, and bytes that nobody owes")
    prune.add_argument(
        "--older", metavar="AGE", default="30d", type=age, help="ended longer ago than this: 12h, 30d, 0s (default: 30d)"
    )
    for p in (cancel, collect):
        add_world(p)
    for p in verbs.choices.values():
        add_project(p)
        add_talk(p)


def _listing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", default="", help="only of this source")
    parser.add_argument("--stream", default="", help="only of this stream")
    parser.add_argument("--phase", action="append", default=[], help="only in this phase; repeatable")
    parser.add_argument("--live", action="store_true", help="only those that have not ended")


def _one(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="its id, or a piece of it")


def age(text: str) -> float:
    """'30d' -> seconds. Raises argparse.ArgumentTypeError."""
    number, unit = text[:-1], text[-1:]
    if unit not in UNITS or not number.replace(".", "", 1).isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no age: a number and one of {', '.join(UNITS)}")
    return float(number) * UNITS[unit]


def run(args: argparse.Namespace) -> int:
    """0: done. 1: a collect in which something failed."""
    from jobstream.app import App

    app = App(project_of(args))
    if args.verb == "collect" or (args.verb == "cancel" and args.now):
        from jobstream.cli.collect import collect

        return asyncio.run(collect(app, args, origins_of(app.project.settings, args.map_origin)))
    shelf = app.shelf()
    try:
        return int(VERBS[args.verb](app, shelf, args) or 0)
    finally:
        shelf.close()


def _list(app: Any, shelf: Shelf, args: argparse.Namespace) -> None:
    seen = shelf.jobs(source=args.source, stream=args.stream, phases=args.phase, live=args.live)
    _print(app, seen, args, f"no jobs in {app.project.home}")


def _orphans(app: Any, shelf: Shelf, args: argparse.Namespace) -> None:
    _print(app, shelf.orphans(source=args.source), args, "no remote job was left behind that we know of")


def _print(app: Any, seen: list[Seen], args: argparse.Namespace, nothing: str) -> None:
    from jobstream.cli.tables import job_rows, table

    if args.json:
        import msgspec

        redactors: dict[str, Redactor] = {s.run: app.redactor(s.run) for s in seen}
        for s in seen:
            print(redactors[s.run].text(msgspec.json.encode(s).decode()))
    elif not seen:
        print(nothing, file=sys.stderr)
    else:
        table(job_rows(seen, app.clock.now()))


def _show(app: Any, shelf: Shelf, args: argparse.Namespace) -> None:
    from jobstream.cli.tables import facts
    from jobstream.cli.timeline import timeline

    story = shelf.job(args.job)
    redactor = app.redactor(story.seen.run)
    if args.json:
        import msgspec

        for e in story.events:
            plain = msgspec.to_builtins(e, builtin_types=(bytes,))
            print(redactor.text(json.dumps(plain, default=redactor.body)))
        return
    lines = [*facts(story.seen, app.clock.now()), "", *timeline(e.event for e in story.events)]
    print(redactor.text("\n".join(lines)))


def _cancel(app: Any, shelf: Shelf, args: argparse.Namespace) -> int:
    for job in args.jobs:
        asked = shelf.ask(job, "cancel", "a person")
        print(f"{job}: cancel asked" if asked else f"{job}: has ended already")
    if not app.project.held():
        print("no process runs this project: the next `run` or `jobs collect` obeys, or call it with --now", file=sys.stderr)
    return 0


def _resolve(app: Any, shelf: Shelf, args: argparse.Namespace) -> int:
    done = shelf.ask(args.job, "found", "a person", args.found) if args.found else shelf.ask(args.job, "not_made", "a person")
    if not done:
        raise UsageError(f"job {args.job} has ended already")
    print(f"{args.job}: noted; the next `run` or `jobs collect` goes on from there")
    return 0


def _prune(app: Any, shelf: Shelf, args: argparse.Namespace) -> None:
    gone = shelf.prune(app.clock.now() - args.older)
    freed = asyncio.run(app.sweep(shelf.spooled()))
    print(f"{gone.jobs:,} jobs, {gone.events:,} events, {gone.runs:,} runs forgotten; {freed} freed in the spool")


VERBS: dict[str, Any] = {
    "list": _list,
    "show": _show,
    "cancel": _cancel,
    "resolve": _resolve,
    "orphans": _orphans,
    "prune": _prune,
}
