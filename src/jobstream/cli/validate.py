"""`jobstream validate`: every mistake of a document at once; nothing is sent."""

from __future__ import annotations

import argparse
import json

from jobstream.cli.documents import add_document, compiled_of, config_of
from jobstream.cli.options import add_project, project_of


def add(parser: argparse.ArgumentParser) -> None:
    add_document(parser)
    add_project(parser)
    parser.add_argument("--plan", action="store_true", help="print the plan that the document compiles to, as JSON")


def run(args: argparse.Namespace) -> int:
    """0: no mistake. Raises DocumentError (exit code 2) with all mistakes, each with its line, JSON path and what was meant."""
    from jobstream.app import App

    config = config_of(args) if args.config or args.set else None
    compiled = compiled_of(App(project_of(args)), args.document, config)
    if args.plan:
        from jobstream.plan.wire import encode

        print(json.dumps(json.loads(encode(compiled.plan)), indent=2))
    else:
        names = ", ".join(s.name for s in compiled.plan.streams)
        print(f"{args.document}: no mistakes; streams: {names}")
    return 0
