"""Where the service keeps its data: options that `serve` and `token` share."""

from __future__ import annotations

import argparse
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobstream.documents.store.store import Store


def add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", default=os.environ.get("JOBSTREAM_DATA", ".jobstream"),
                        help="folder of the database and the key, made on first use (JOBSTREAM_DATA; default: .jobstream)")  # fmt: skip
    parser.add_argument("--db", metavar="URL", default=os.environ.get("JOBSTREAM_DB"),
                        help="postgresql://user@host/name, instead of the SQLite file in the folder (JOBSTREAM_DB)")  # fmt: skip


def store_at(args: argparse.Namespace, bin_seconds: float = 30 * 86400.0, *, keyed: bool = True) -> Store:
    """Not open yet. keyed: it will be asked for secrets. Raises UsageError, KeepingError."""
    from jobstream.app import store_of
    from jobstream.errors import UsageError

    for module in ("aiosqlite", "alembic", "asyncpg", "fastapi", "sqlalchemy", "uvicorn"):
        if importlib.util.find_spec(module) is None:
            raise UsageError(f"{module} is not installed", hint="pip install 'jobstream[serve]'")
    return store_of(Path(args.data), args.db, environ=os.environ, bin_seconds=bin_seconds, keyed=keyed)
