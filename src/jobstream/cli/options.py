"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from jobstream.errors import DocumentError, UsageError
from jobstream.project import Project, Settings


def add_project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--project", metavar="DIR", default=os.environ.get("JOBSTREAM_PROJECT", "."),
                        help="folder whose .jobstream/ holds settings, ledger and spool (default: the current folder)")  # fmt: skip


def add_world(parser: argparse.ArgumentParser) -> None:
    """How the remote side is reached."""
    parser.add_argument("--map-origin", metavar="FROM=TO", action="append", default=[],
                        help="send what is asked of one origin to another, e.g. "
                             "https://api.sendgrid.com=http://127.0.0.1:9000; repeatable")  # fmt: skip


def project_of(args: argparse.Namespace) -> Project:
    """Raises UsageError for a folder that is not there."""
    folder = Path(args.project)
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder), hint="--project names an existing folder")
    return Project(folder, os.environ)


def origins_of(settings: Settings, given: list[str]) -> dict[str, str]:
    from jobstream.http.origins import parse_origin

    pairs = [parse_origin(f"{a}={b}") for a, b in settings.map_origin.items()] + [parse_origin(text) for text in given]
    return dict(pairs)


def read_text(path: str) -> str:
    """Raises DocumentError."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as e:
        raise DocumentError("there is no such file", where=path) from e
    except (OSError, UnicodeDecodeError) as e:
        raise DocumentError(f"cannot be read: {e}", where=path) from e


def read_json(path: str | None, what: str) -> dict[str, Any]:
    """A JSON object from a file; {} where none is named. Raises DocumentError."""
    if path is None:
        return {}
    try:
        got = json.loads(read_text(path))
    except json.JSONDecodeError as e:
        raise DocumentError(f"the {what} is no JSON: {e.msg}", where=f"{path}:{e.lineno}") from e
    if not isinstance(got, dict):
        raise DocumentError(f"the {what} must be a JSON object", where=path)
    return got
