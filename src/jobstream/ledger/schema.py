"""The tables, and how an older file becomes a newer one. Forward only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from jobstream.errors import KeepingError

#: One script a version; what was released is never changed.
MIGRATIONS = (
    """
CREATE TABLE shard (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, owner TEXT NOT NULL) STRICT;
CREATE TABLE job (     -- for lists, and for claiming; all of it can be rebuilt from `event`
  id TEXT PRIMARY KEY, shard TEXT NOT NULL, stream TEXT NOT NULL, key TEXT NOT NULL, phase TEXT NOT NULL, wake_at REAL NOT NULL,
  moved REAL NOT NULL, hint_seq INTEGER NOT NULL DEFAULT 0, hint BLOB) STRICT;  -- hint: the newest loose event, overwritten
CREATE UNIQUE INDEX one_live_job ON job (key) WHERE phase NOT IN ('done', 'skipped', 'failed', 'timed_out', 'cancelled', 'split');
CREATE TABLE ending (phase TEXT PRIMARY KEY) STRICT;
INSERT INTO ending VALUES ('done'), ('skipped'), ('failed'), ('timed_out'), ('cancelled'), ('split');
CREATE INDEX job_of_shard ON job (shard);
CREATE TABLE event (   -- the truth; gaps in seq are lawful; body is sealed where it holds answers or targets
  job TEXT NOT NULL, seq INTEGER NOT NULL, position INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (job, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint (
  shard TEXT NOT NULL, stream TEXT NOT NULL, position INTEGER NOT NULL, state BLOB NOT NULL, PRIMARY KEY (shard, stream)) STRICT;
CREATE TABLE request ( -- from any process; the owner of the job turns it into an event
  job TEXT PRIMARY KEY, what TEXT NOT NULL, by TEXT NOT NULL, value BLOB NOT NULL) STRICT;
CREATE TABLE plan (fingerprint TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE run (     -- ended NULL: it runs, or was killed · streams: name -> what it asks · config: sealed
  id TEXT PRIMARY KEY, source TEXT NOT NULL, shard TEXT NOT NULL, plan TEXT NOT NULL, streams BLOB NOT NULL,
  destination TEXT NOT NULL, config BLOB NOT NULL, started REAL NOT NULL, ended REAL, outcome TEXT NOT NULL DEFAULT '',
  report BLOB) STRICT;
CREATE INDEX run_of_source ON run (source, started);
CREATE TABLE token (name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;  -- sealed
""",
)
VERSION = len(MIGRATIONS)


def opened(path: str) -> sqlite3.Connection:
    """A connection to the newest schema: WAL, synchronous FULL. Raises KeepingError."""
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except sqlite3.DatabaseError as e:
        raise KeepingError(f"the ledger cannot be opened: {e}", where=path, hint="may this file be read and written?") from e
    try:
        db.execute("PRAGMA busy_timeout=30000")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        _migrate(db, path)
    except sqlite3.DatabaseError as e:
        db.close()
        raise KeepingError(f"the ledger cannot be opened: {e}", where=path, hint="is it another program's file?") from e
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def told(path: str) -> Iterator[None]:
    """A full disk, a file that another process holds: KeepingError."""
    try:
        yield
    except sqlite3.OperationalError as e:
        raise KeepingError(f"the ledger cannot be used: {e}", where=path,
                           hint="free some space, or see which process holds it; then run again: nothing is lost") from e  # fmt: skip


def _migrate(db: sqlite3.Connection, path: str) -> None:
    if version_of(db) == VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        have = version_of(db)  # another process may have been quicker
        if have > VERSION:
            raise KeepingError(f"the ledger has version {have}, this jobstream knows {VERSION}", where=path,
                               hint="it was written by a newer jobstream: install that one")  # fmt: skip
        for script in MIGRATIONS[have:]:
            for statement in _statements(script):
                db.execute(statement)
        db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def version_of(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> list[str]:
    """`executescript` would commit; so one at a time, cut where SQLite says that one is complete."""
    out, text = [], ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            out.append(text)
            text = ""
    return out
