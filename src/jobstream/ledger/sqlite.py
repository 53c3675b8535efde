"""The ledger in SQLite: WAL, synchronous FULL. The fence is the first statement of every commit."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import msgspec

from jobstream.jobs.event import AnyEvent, Planned
from jobstream.plan.notes import Json
from jobstream.ports import Checkpoint, Entry, Epoch, Fenced, JobId, Position

SCHEMA = """
CREATE TABLE IF NOT EXISTS shard (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, owner TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS job (     -- for lists, and for claiming; all of it can be rebuilt from `event`
  id TEXT PRIMARY KEY, shard TEXT NOT NULL, stream TEXT NOT NULL, key TEXT NOT NULL, phase TEXT NOT NULL, wake_at REAL NOT NULL,
  hint_seq INTEGER NOT NULL DEFAULT 0, hint BLOB) STRICT;          -- hint: the newest loose event, overwritten
CREATE UNIQUE INDEX IF NOT EXISTS one_live_job ON job (key)
  WHERE phase NOT IN ('done', 'skipped', 'failed', 'timed_out', 'cancelled', 'split');
CREATE INDEX IF NOT EXISTS job_of_shard ON job (shard);
CREATE TABLE IF NOT EXISTS event (   -- the truth; gaps in seq are lawful; body is sealed where it holds answers or targets
  job TEXT NOT NULL, seq INTEGER NOT NULL, position INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (job, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoint (
  shard TEXT NOT NULL, stream TEXT NOT NULL, position INTEGER NOT NULL, state BLOB NOT NULL, PRIMARY KEY (shard, stream)) STRICT;
CREATE TABLE IF NOT EXISTS request (job TEXT NOT NULL, by TEXT NOT NULL, PRIMARY KEY (job)) STRICT;  -- cancels, from anywhere
"""
CLAIM = """INSERT INTO shard VALUES (?, 1, 0, ?)
  ON CONFLICT (name) DO UPDATE SET epoch = epoch + 1, owner = excluded.owner RETURNING epoch"""
FENCE = "UPDATE shard SET seq = seq + ? WHERE name = ? AND epoch = ? RETURNING seq"
PLANNED = "INSERT INTO job (id, shard, stream, key, phase, wake_at) VALUES (?, ?, ?, ?, ?, ?)"
EVENT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)"
PHASE = "UPDATE job SET phase = ?, wake_at = ? WHERE id = ?"
HINT = "UPDATE job SET hint_seq = ?, hint = ?, wake_at = ? WHERE id = ?"
READ = """SELECT e.job, e.seq, e.position, e.body FROM event e JOIN job j ON j.id = e.job WHERE j.shard = ?
  AND (j.phase NOT IN ('done', 'skipped', 'failed', 'timed_out', 'cancelled', 'split') OR substr(j.id, 1, ?) = ?)
  ORDER BY e.job, e.seq"""
HINTS = "SELECT id, hint_seq, hint FROM job WHERE shard = ? AND hint IS NOT NULL"

_DECODER: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
Work: TypeAlias = Callable[..., Awaitable[Any]]


class SqliteLedger:
    """One connection, one statement batch at a time. work: where the blocking calls run (a thread; inline in tests)."""

    def __init__(self, path: str, work: Work = asyncio.to_thread) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=30000;" + SCHEMA)
        self._work = work
        self.commits = self.rows = 0

    def close(self) -> None:
        self._db.close()

    async def claim(self, shard: str, owner: str) -> Epoch:
        epoch: Epoch = await self._work(lambda: self._db.execute(CLAIM, (shard, owner)).fetchone()[0])
        return epoch

    async def read(self, shard: str, run: str = "") -> AsyncIterator[Entry]:
        rows = await self._work(lambda: self._db.execute(READ, (shard, len(run), run)).fetchall())
        hints = {i: (seq, body) for i, seq, body in self._db.execute(HINTS, (shard,))}
        last: dict[JobId, int] = {}
        for job, seq, position, body in rows:
            last[job] = seq
            yield Entry(job, seq, _DECODER.decode(body), position=position)
        for job, (seq, body) in hints.items():
            if seq > last.get(job, seq):
                yield Entry(job, seq, _DECODER.decode(body), loose=True)

    async def append(self, shard: str, epoch: Epoch, entries: list[Entry], checkpoints: list[Checkpoint]) -> Position:
        position: Position = await self._work(self._append, shard, epoch, entries, checkpoints)
        return position

    def _append(self, shard: str, epoch: Epoch, entries: list[Entry], checkpoints: list[Checkpoint]) -> Position:
        kept = [e for e in entries if not e.loose]
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            row = db.execute(FENCE, (len(kept), shard, epoch)).fetchone()
            if row is None:
                raise Fenced(shard)
            self._insert(shard, kept, row[0] - len(kept))
            db.executemany(HINT, [(e.seq, msgspec.json.encode(e.event), e.event.wake_at, e.job) for e in entries if e.loose])
            db.executemany("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?)",
                           [(shard, c.stream, row[0], msgspec.json.encode(c.state)) for c in checkpoints])  # fmt: skip
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        self.commits += 1
        self.rows += len(kept)
        return int(row[0])

    def _insert(self, shard: str, kept: list[Entry], first: Position) -> None:
        born = [
            (e.job, shard, e.event.stream, e.event.key, e.event.to, e.event.wake_at)
            for e in kept
            if isinstance(e.event, Planned)
        ]
        self._db.executemany(PLANNED, born)
        self._db.executemany(EVENT, [
            (e.job, e.seq, first + n, e.event.at, type(e.event).__name__, msgspec.json.encode(e.event))
            for n, e in enumerate(kept, 1)])  # fmt: skip
        newest = {e.job: e.event for e in kept if not isinstance(e.event, Planned)}
        self._db.executemany(PHASE, [(e.to, e.wake_at, job) for job, e in newest.items()])

    async def checkpoints(self, shard: str) -> dict[str, Json]:
        rows = self._db.execute("SELECT stream, state FROM checkpoint WHERE shard = ?", (shard,))
        return {stream: msgspec.json.decode(state) for stream, state in rows}

    async def requests(self, shard: str) -> list[tuple[JobId, str]]:
        rows = self._db.execute(
            "DELETE FROM request WHERE job IN (SELECT id FROM job WHERE shard = ?) RETURNING job, by", (shard,)
        )
        return [(job, by) for job, by in rows.fetchall()]

    def ask_cancel(self, job: JobId, by: str) -> None:
        """From any process: the owner turns it into an event."""
        self._db.execute("INSERT OR IGNORE INTO request VALUES (?, ?)", (job, by))
