"""The ledger in SQLite. The fence is the first statement of every commit."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import msgspec
from msgspec import structs

from jobstream.jobs.event import AnyEvent, Created, Located, Passed, Planned, StatusSeen
from jobstream.kinds import Held
from jobstream.ledger.schema import opened, told
from jobstream.ledger.seal import NoSeal, Seal
from jobstream.plan.notes import Json
from jobstream.ports import Asked, Checkpoint, Entry, Epoch, Fenced, JobId, Position

CLAIM = """INSERT INTO shard VALUES (?, 1, 0, ?)
  ON CONFLICT (name) DO UPDATE SET epoch = epoch + 1, owner = excluded.owner RETURNING epoch"""
FENCE = "UPDATE shard SET seq = seq + ? WHERE name = ? AND epoch = ? RETURNING seq"
PLANNED = "INSERT INTO job (id, shard, stream, key, phase, wake_at, moved) VALUES (?, ?, ?, ?, ?, ?, ?)"
EVENT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)"
PHASE = "UPDATE job SET phase = ?, wake_at = ?, moved = ? WHERE id = ?"
HINT = "UPDATE job SET hint_seq = ?, hint = ?, wake_at = ?, moved = ? WHERE id = ?"
READ = """SELECT e.job, e.seq, e.position, e.body FROM event e JOIN job j ON j.id = e.job
  WHERE j.shard = ? AND (j.phase NOT IN (SELECT phase FROM ending) OR substr(j.id, 1, ?) = ?) ORDER BY e.job, e.seq"""
HINTS = "SELECT id, hint_seq, hint FROM job WHERE shard = ? AND hint IS NOT NULL"
CHECKPOINT = "INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?)"
REQUESTS = "SELECT r.job, r.what, r.by, r.value FROM request r JOIN job j ON j.id = r.job WHERE j.shard = ?"

DECODER: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
FOR_EVER = 1e15
Work: TypeAlias = Callable[..., Awaitable[Any]]


def place(job: JobId, seq: int) -> str:
    """Where an event lies: what its seal is bound to."""
    return f"{job}/{seq}"


def is_secret(e: AnyEvent) -> bool:
    """It holds an answer or targets: tokens and signed links may be in them."""
    return isinstance(e, Created | Located) or (isinstance(e, StatusSeen | Passed) and e.answer is not None)


class SqliteLedger:
    """One connection that writes, one batch at a time, and one beside it. work: where the blocking calls run (a thread; inline
    in tests)."""

    def __init__(self, path: str, work: Work = asyncio.to_thread, seal: Seal | None = None) -> None:
        self._path, self._db = path, opened(path)
        self._work, self._seal = work, seal or NoSeal()
        self._second: sqlite3.Connection | None = None
        self.commits = self.rows = 0

    def close(self) -> None:
        self._db.close()
        if self._second is not None:
            self._second.close()

    @property
    def _beside(self) -> sqlite3.Connection:
        """Reads and small writes while the other one commits in its thread."""
        self._second = self._second or opened(self._path)
        return self._second

    async def claim(self, shard: str, owner: str) -> Epoch:
        with told(self._path):
            epoch: Epoch = await self._work(lambda: self._db.execute(CLAIM, (shard, owner)).fetchone()[0])
        return epoch

    async def read(self, shard: str, run: str = "") -> AsyncIterator[Entry]:
        rows = await self._work(lambda: self._db.execute(READ, (shard, len(run), run)).fetchall())
        hints = await self._work(lambda: self._db.execute(HINTS, (shard,)).fetchall())
        last: dict[JobId, int] = {}
        for job, seq, position, body in rows:
            last[job] = seq
            yield Entry(job, seq, DECODER.decode(self._seal.open(body, place(job, seq))), position=position)
        for job, seq, body in hints:
            if seq > last.get(job, seq):
                yield Entry(job, seq, DECODER.decode(body), loose=True)

    async def append(self, shard: str, epoch: Epoch, entries: list[Entry], checkpoints: list[Checkpoint]) -> Position:
        with told(self._path):
            position: Position = await self._work(self._append, shard, epoch, entries, checkpoints)
        return position

    def _append(self, shard: str, epoch: Epoch, entries: list[Entry], checkpoints: list[Checkpoint]) -> Position:
        kept = [e for e in entries if not e.loose]
        hints = [(e.seq, msgspec.json.encode(e.event), e.event.wake_at, e.event.at, e.job) for e in entries if e.loose]
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            row = db.execute(FENCE, (len(kept), shard, epoch)).fetchone()
            if row is None:
                raise Fenced(shard)
            self._insert(shard, kept, row[0] - len(kept))
            db.executemany(HINT, hints)
            db.executemany(CHECKPOINT, [(shard, c.stream, row[0], msgspec.json.encode(c.state)) for c in checkpoints])
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        self.commits += 1
        self.rows += len(kept)
        return int(row[0])

    def _insert(self, shard: str, kept: list[Entry], first: Position) -> None:
        born = [
            (e.job, shard, e.event.stream, e.event.key, e.event.to, e.event.wake_at, e.event.at)
            for e in kept
            if isinstance(e.event, Planned)
        ]
        self._db.executemany(PLANNED, born)
        self._db.executemany(EVENT, [
            (e.job, e.seq, first + n, e.event.at, type(e.event).__name__, self._body(e)) for n, e in enumerate(kept, 1)])  # fmt: skip
        newest = {e.job: e.event for e in kept if not isinstance(e.event, Planned)}
        self._db.executemany(PHASE, [(e.to, e.wake_at, e.at, job) for job, e in newest.items()])

    def _body(self, e: Entry) -> bytes:
        raw = msgspec.json.encode(e.event)
        return self._seal.seal(raw, place(e.job, e.seq)) if is_secret(e.event) else raw

    async def checkpoints(self, shard: str) -> dict[str, Json]:
        rows = self._db.execute("SELECT stream, state FROM checkpoint WHERE shard = ?", (shard,))
        return {stream: msgspec.json.decode(state) for stream, state in rows}

    async def requests(self, shard: str) -> list[Asked]:
        rows = self._beside.execute(REQUESTS, (shard,)).fetchall()
        return [Asked(job, what, by, msgspec.json.decode(value)) for job, what, by, value in rows]

    async def settled(self, job: JobId) -> None:
        await self._work(self._beside.execute, "DELETE FROM request WHERE job = ?", (job,))

    # -- tokens

    async def held(self, name: str) -> Held | None:
        row = self._beside.execute("SELECT body FROM token WHERE name = ?", (name,)).fetchone()
        return None if row is None else msgspec.json.decode(self._seal.open(row[0], f"token/{name}"), type=Held)

    async def hold(self, name: str, held: Held) -> None:
        finite = structs.replace(held, until=min(held.until, FOR_EVER))  # JSON knows no infinity
        body = self._seal.seal(msgspec.json.encode(finite), f"token/{name}")
        await self._work(self._beside.execute, "INSERT OR REPLACE INTO token VALUES (?, ?)", (name, body))
