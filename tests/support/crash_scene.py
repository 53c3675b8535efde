"""A project, a practice API and one command, which is killed and given again until it ends."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobstream.testing.practice import PracticeServer
from jobstream.testing.practice.data import expected_rows
from nursery import Child, Nursery
from practice_manifest import CONFIG, written

PARTS = ("a", "b", "c")
KILLED = -9
Kill = tuple[str, int]


@dataclass
class Scene:
    """form: of the files; `-`: JSON lines on standard output."""

    nursery: Nursery
    api: PracticeServer
    here: Path
    document: dict[str, Any]
    form: str = "jsonl"
    parts: tuple[str, ...] = PARTS
    children: list[Child] = field(default_factory=list)

    def __post_init__(self) -> None:
        written(self.here, self.document)
        (self.here / "config.json").write_text(json.dumps(CONFIG))

    @property
    def out(self) -> Path:
        return self.here / "out"

    @property
    def project(self) -> list[str]:
        return ["--project", str(self.here)]

    def renew(self) -> None:
        """An empty project and an API that knows nothing."""
        self.api.reset()
        for folder in (self.here / ".jobstream", self.out):
            shutil.rmtree(folder, ignore_errors=True)

    def end(self) -> None:
        """What was started and not waited for."""
        for child in self.children:
            self.nursery.end(child)

    def words(self, *more: str) -> list[str]:
        there = ["--to", "-"] if self.form == "-" else ["--to", str(self.out), "--format", self.form]
        return ["run", "manifest.yaml", "--config", "config.json", "--json", *there, *more, *self.project]

    def start(self, *more: str, kill: Kill | None = None, words: list[str] | None = None) -> Child:
        child = self.nursery.start(words or self.words(*more), self.here, kill)
        self.children.append(child)
        return child

    def run(self, *more: str, kill: Kill | None = None, words: list[str] | None = None) -> int:
        return self.nursery.ended(self.start(*more, kill=kill, words=words))

    def killed(self, *deaths: Kill) -> None:
        """Dies one death after another, then goes on to its good end. A run that ends before its death has ended well."""
        for death in deaths:
            code = self.run(kill=death)
            if code != KILLED:
                assert code == 0, self.children[-1].said()
                return
        self.goes_on()

    def goes_on(self, *, most: int = 3) -> None:
        """The same command again, until it ends well."""
        for _ in range(most):
            if self.run() == 0:
                return
        raise AssertionError(f"it does not end well:\n{self.children[-1].said()}")

    def report(self, stream: str = "contacts") -> dict[str, Any]:
        """What the last command told of a stream when it ended."""
        told: dict[str, Any] = json.loads(self.children[-1].said().splitlines()[-1])
        return dict(told["streams"][stream]) | {"left": told["left"]}

    def jobs(self, *words: str) -> list[dict[str, Any]]:
        """`jobs list` or `jobs orphans` as JSON."""
        assert self.run(words=["jobs", *words, "--json", *self.project]) == 0, self.children[-1].said()
        return [json.loads(line) for line in self.children[-1].out.read_text().splitlines()]

    def records(self) -> Counter[tuple[str, ...]]:
        return Counter(tuple(r.values()) for r in self._records())

    def expected(self) -> Counter[tuple[str, ...]]:
        """Of one job for each part."""
        return Counter(tuple(r.values()) for p in self.parts or ("",) for r in expected_rows(self.api.config, p))

    def whole(self) -> None:
        """Every record once, nothing half, no credentials where they do not belong."""
        assert self.records() == self.expected()
        assert not list(self.out.rglob(".*.half")), "a half file was left"
        assert self.api.report(brief=True).misplaced == []

    def _records(self) -> Iterator[dict[str, Any]]:
        for file in sorted(self.out.rglob("[!._]*.*")):
            if file.suffix == ".parquet":
                import pyarrow.parquet

                table: Any = pyarrow.parquet.read_table(file)
                yield from table.to_pylist()
            elif file.suffix == ".jsonl":
                yield from lines(file)


def lines(file: Path) -> Iterator[dict[str, Any]]:
    """Whole lines only, as a reader of a pipe takes them."""
    for line in file.read_bytes().split(b"\n")[:-1]:
        yield json.loads(line)


def until(true: Callable[[], bool], what: str, within: float = 30.0) -> None:
    """Asks again and again."""
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def freeze(s: Scene, child: Child) -> None:
    """Stops it, but not in the middle of a commit: the database would be locked for everyone, as SQLite has it."""
    for _ in range(50):
        child.signal(signal.SIGSTOP)
        time.sleep(0.05)
        with closing(sqlite3.connect(s.here / ".jobstream" / "ledger.db", timeout=0.1, isolation_level=None)) as db:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                child.signal(signal.SIGCONT)
                time.sleep(0.05)
                continue
            db.execute("ROLLBACK")
            return
    raise AssertionError("it holds the ledger all the time")


MakeScene = Callable[..., Scene]
