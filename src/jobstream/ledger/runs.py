"""Runs, and the plans they obeyed: written when a run begins and ends, read for lists and to retire jobs of an older plan."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from jobstream.ledger.schema import opened
from jobstream.ledger.seal import NoSeal, Seal
from jobstream.plan.notes import Json
from jobstream.plan.source import SourcePlan
from jobstream.plan.wire import decode, encode, fingerprint

SHOWN = "SELECT id, source, shard, plan, streams, destination, started, ended, outcome, report FROM run "
NEWEST = SHOWN + "WHERE source = ? OR ? = '' ORDER BY started DESC, id DESC LIMIT ?"


class Run(Struct, frozen=True):
    """ended: None while it runs, or when it was killed. plan: the fingerprint. streams: name -> what it asks (`asked`)."""

    id: str
    source: str
    shard: str
    plan: str
    streams: dict[str, str]
    destination: str
    started: float
    ended: float | None = None
    outcome: str = ""
    report: Json = None


class Runs:
    """path: of the ledger."""

    def __init__(self, path: str, seal: Seal | None = None) -> None:
        self._db, self._seal = opened(path), seal or NoSeal()

    def close(self) -> None:
        self._db.close()

    def begin(self, run_id: str, plan: SourcePlan, config: Json, streams: dict[str, str], *, shard: str, destination: str,
              started: float) -> None:  # fmt: skip
        """Before anything is asked. The same id again: the run goes on."""
        mark = fingerprint(plan)
        sealed = self._seal.seal(msgspec.json.encode(config), f"config/{run_id}")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.execute("INSERT OR IGNORE INTO plan VALUES (?, ?)", (mark, encode(plan)))
            self._db.execute("""INSERT INTO run (id, source, shard, plan, streams, destination, config, started)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET ended = NULL, outcome = ''""",
              (run_id, plan.name, shard, mark, msgspec.json.encode(streams), destination, sealed, started))  # fmt: skip
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def end(self, run_id: str, ended: float, outcome: str, report: Json) -> None:
        row = (ended, outcome, msgspec.json.encode(report), run_id)
        self._db.execute("UPDATE run SET ended = ?, outcome = ?, report = ? WHERE id = ?", row)

    def unfinished(self, source: str, streams: dict[str, str], destination: str) -> Run | None:
        """The newest run of the same question to the same destination, if it has not ended: it is gone on with."""
        last = next(iter(self.list(source=source, most=1)), None)
        same = last is not None and last.streams == streams and last.destination == destination
        return last if same and last is not None and last.ended is None else None

    def list(self, *, source: str = "", most: int = 100) -> list[Run]:
        """Newest first."""
        rows = self._db.execute(NEWEST, (source, source, most))
        return [_run(row) for row in rows.fetchall()]

    def run(self, run_id: str) -> Run | None:
        row = self._db.execute(SHOWN + "WHERE id = ?", (run_id,)).fetchone()
        return None if row is None else _run(row)

    def plan(self, mark: str) -> SourcePlan | None:
        """By its fingerprint."""
        row = self._db.execute("SELECT body FROM plan WHERE fingerprint = ?", (mark,)).fetchone()
        return None if row is None else decode(row[0])

    def config(self, run_id: str) -> Json:
        row = self._db.execute("SELECT config FROM run WHERE id = ?", (run_id,)).fetchone()
        return None if row is None else msgspec.json.decode(self._seal.open(row[0], f"config/{run_id}"))

    def that_asked(self, stream: str, asked: str) -> Run | None:
        """The newest run whose plan made jobs with this `asked`: its plan and config can end them."""
        return next((r for r in self.list(most=1_000_000) if r.streams.get(stream) == asked), None)


def _run(row: tuple[Any, ...]) -> Run:
    id_, source, shard, plan, streams, destination, started, ended, outcome, report = row
    return Run(id_, source, shard, plan, msgspec.json.decode(streams), destination, started, ended, outcome,
               None if report is None else msgspec.json.decode(report))  # fmt: skip
