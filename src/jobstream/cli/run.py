"""`jobstream run`: create the jobs, wait, download, deliver; after a kill, go on where it stopped."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Any

from jobstream.cli.documents import add_document, compiled_of, config_of, run_config
from jobstream.cli.options import add_project, add_world, origins_of, project_of

if TYPE_CHECKING:
    from jobstream.app import App
    from jobstream.cli.report import Where
    from jobstream.plan.places import SourceMap
    from jobstream.plan.source import SourcePlan
    from jobstream.project import Settings
    from jobstream.wish import Wish

EPILOG = """\
examples:
  jobstream run manifest.yaml --config config.json --to out --format parquet
  jobstream run manifest.yaml --set api_key=SG.x --stream contacts --to - | jq .EMAIL
  jobstream run helper.json --to out                      Celigo resources, the same way
  jobstream run manifest.yaml --config c.json --no-wait   create the remote jobs, end; later:
  jobstream jobs collect --to out                         take the results

A run that was killed goes on when it is called again: running remote jobs are taken over, stored bytes
are delivered, only what is missing is created. Ctrl-C or SIGTERM ends in order: remote jobs are aborted
where the document says how, and those that could not be are listed. A second one ends at once."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    add_document(parser)
    parser.add_argument(
        "--stream", metavar="NAME", action="append", default=[], help="only this stream; repeatable (default: all)"
    )
    add_delivery(parser)
    parser.add_argument(
        "--attempts", metavar="N", type=_positive, help="remote jobs for one slice before it fails (default: 3)"
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="create the remote jobs and end; `run` or `jobs collect` takes the results"
    )
    add_world(parser)
    add_project(parser)
    add_talk(parser)


def add_delivery(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to", metavar="DIR|-", default="-", help="folder for files, or - for JSON lines on standard output (default)"
    )
    parser.add_argument("--format", choices=("jsonl", "csv", "parquet"), help="of the files (default: jsonl)")
    parser.add_argument("--write", choices=("auto", "append", "replace"), default="auto",
                        help="replace: files of earlier runs of a stream go when this run has all its records; append: they stay; "
                             "auto (default): replace, but append where the stream is incremental")  # fmt: skip


def add_talk(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trace", metavar="FILE", help="add every exchange to this file, as JSON lines without secrets")
    talk = parser.add_mutually_exclusive_group()
    talk.add_argument("--quiet", action="store_true", help="only errors, and the exit code")
    talk.add_argument("--json", action="store_true", help="progress and report as JSON lines on standard error")


def _positive(text: str) -> int:
    n = int(text)
    if n < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return n


def run(args: argparse.Namespace) -> int:
    """0: every slice is done. 1: something failed, was cancelled or waits for a person; the report says what."""
    from jobstream.app import App

    project = project_of(args)
    app = App(project)
    config = config_of(args)
    compiled = compiled_of(app, args.document, config)
    wish = wish_of(args, project.settings, streams=tuple(args.stream), attempts=args.attempts or project.settings.attempts,
                   no_wait=args.no_wait, origins=origins_of(project.settings, args.map_origin))  # fmt: skip
    return asyncio.run(perform(app, compiled.plan, run_config(compiled, config), wish, args, compiled.places))


def wish_of(args: argparse.Namespace, settings: Settings, **more: Any) -> Wish:
    """What the options of `add_delivery` and the settings say."""
    from jobstream.wish import Wish

    return Wish(to=args.to, format=args.format or "jsonl", write=args.write, jobs=settings.jobs, rate=settings.rate, **more)


async def perform(app: App, plan: SourcePlan, config: dict[str, Any], wish: Wish, args: argparse.Namespace,
                  places: SourceMap | None = None) -> int:  # fmt: skip
    """One run with its progress and its report."""
    from jobstream.cli.delivery import destination_of, supersede
    from jobstream.cli.progress import open_progress
    from jobstream.cli.report import show
    from jobstream.cli.signals import ended_by, stopping
    from jobstream.cli.tracing import traced

    destination = destination_of(plan, wish)
    stop = asyncio.Event()
    progressing = open_progress(quiet=args.quiet, as_json=args.json, now=app.clock.now)
    with traced(getattr(args, "trace", None)) as trace, stopping(stop) as signals, progressing as progress:
        outcome = await app.run(plan, config, wish, destination, trace=trace, watch=progress.see, stop=stop)
    supersede(app, destination, plan, wish, outcome)
    if not args.quiet:
        show(outcome, sys.stderr, as_json=args.json, where=_written(plan, places))
    return 0 if outcome.good else ended_by(signals)


def _written(plan: SourcePlan, places: SourceMap | None) -> Where:
    """Where the person wrote what a fault is about; '' where nobody knows."""
    order = {s.name: n for n, s in enumerate(plan.streams)}

    def where(stream: str, at: str) -> str:
        if places is None or not at or stream not in order:
            return ""
        found = places.find(at if at.startswith(("/auth/", "/hosts/")) else f"/streams/{order[stream]}{at}")
        return f"{found.document}:{found.line} {found.pointer.strip('/')}" if found else ""

    return where
