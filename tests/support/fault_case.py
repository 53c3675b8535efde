"""One misbehaviour of the practice API, run through the real App and the real report: HTTP, SQLite, spool, files. Only time is quick."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from jobstream.app import App
from jobstream.cli.documents import compiled_of, run_config
from jobstream.cli.run import perform
from jobstream.project import Project
from jobstream.testing.practice import COLUMNS, PracticeApi, Way, config_from, parse_fault
from jobstream.testing.practice.report import Report
from jobstream.wish import Wish
from practice_manifest import CONFIG, manifest, written

Row = tuple[str, ...]


class Quick:
    """A clock whose seconds pass `rate` times as fast. What waits for an answer waits in real time."""

    def __init__(self, rate: float) -> None:
        self._rate, self._began = rate, time.time()

    def now(self) -> float:
        return self._began + (time.time() - self._began) * self._rate

    async def until(self, at: float, or_: asyncio.Event) -> None:
        wait = None if at == float("inf") else max(0.0, at - self.now()) / self._rate
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await or_.wait()


@dataclass(frozen=True, kw_only=True)
class Case:
    """does      what the API does, in words · faults: as the practice API takes them · api: other fields of its config
    says      what the manifest says to it, in words; '' where it says nothing special · manifest: arguments of `manifest`
    outcome   in words
    records   all of one job for each part, none, or so many · jobs: remote jobs that the API made
    code      of the fault that is told; '' where none may be told
    told      pieces of text that the report must have
    seen      requests by route, where they are certain
    report    fields of the API's report · numbers: fields of ours
    also      kinds of misbehaviour that need no fault to show · rate: how quick time passes
    """

    does: str
    outcome: str
    faults: tuple[str, ...]
    says: str = ""
    records: Literal["all", "none"] | int = "all"
    good: bool = True
    jobs: int = 1
    code: str = ""
    told: tuple[str, ...] = ()
    seen: dict[str, int] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    api: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    way: Way = "keyed"
    attempts: int | None = None
    rate: float = 40.0


@dataclass(frozen=True)
class Happened:
    """code: of the command · text: the report that the person reads · numbers: the same for programs"""

    code: int
    records: Counter[Row]
    expected: Counter[Row]
    api: Report
    text: str
    numbers: dict[str, Any]


async def happened(case: Case, folder: Path) -> Happened:
    """Runs a case in an empty folder."""
    fields = {"files": 2, "rows": 30, "job_seconds": 0.0, "list_lag": 0.0, "faults": case.faults, **case.api}
    async with PracticeApi(config_from(fields)) as api:
        folder.mkdir(parents=True, exist_ok=True)
        path = written(folder, manifest(api.url, case.way, **case.manifest))
        app, config = App(Project(folder), Quick(case.rate)), {**CONFIG, "base": api.url}
        compiled = compiled_of(app, str(path), config)
        wish = Wish(to=str(folder / "out"), format="jsonl", attempts=case.attempts)
        numbers: dict[str, Any] = {}
        talk = io.StringIO()
        with contextlib.redirect_stderr(talk):
            code = await perform(
                app,
                compiled.plan,
                run_config(compiled, config),
                wish,
                argparse.Namespace(quiet=False, json=False),
                compiled.places,
            )
        with contextlib.closing(app.runs()) as runs:
            numbers = runs.list(most=1)[0].report
        parts = case.manifest.get("parts", ()) or ("",)
        expected = Counter(tuple(r.values()) for p in parts for r in api.expected_rows(p))
        return Happened(code, records(folder / "out"), expected, api.report(), talk.getvalue(), numbers["contacts"])


def records(out: Path) -> Counter[Row]:
    lines = [line for file in sorted(out.rglob("[!._]*.jsonl")) for line in file.read_text().splitlines()]
    return Counter(tuple(str(json.loads(line).get(c)) for c in COLUMNS) for line in lines)


def judge(case: Case, h: Happened) -> None:
    """Records, exit code, remote jobs, requests; and what the person is told."""
    if isinstance(case.records, int):
        assert h.records.total() == case.records
    else:
        assert h.records == (h.expected if case.records == "all" else Counter()), h.text
    assert (h.code == 0) == case.good, h.text
    assert h.api.n_jobs == case.jobs, h.text
    assert {r: h.api.requests.get(r, 0) for r in case.seen} == case.seen, h.text
    assert {k: getattr(h.api, k) for k in case.report} == case.report, h.text
    assert {k: h.numbers[k] for k in case.numbers} == case.numbers, h.text
    assert h.api.misplaced == [], "credentials were seen where they do not belong"
    assert set(h.api.faults) >= {parse_fault(f).name for f in case.faults} - {"wrong-range", "no-if-range"}, (
        "it did not misbehave"
    )
    told(case, h)


def told(case: Case, h: Happened) -> None:
    codes = {f["code"] for f in h.numbers["faults"]}
    assert case.code in codes if case.code else not codes, h.text
    assert [piece for piece in case.told if piece not in h.text] == [], h.text
    assert "jobstream itself" not in h.text
    assert "SG.practice" not in h.text, "a secret is shown"
    if not case.good:
        assert "contacts" in h.text
        assert "what to do: " in h.text, h.text
