"""Live progress: a table on a terminal, plain lines elsewhere, JSON lines for programs. All three are told the same events."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TextIO

from msgspec import Struct

from jobstream.cli.telling import bytes_text, seconds_text, slice_text, tell
from jobstream.jobs.event import AnyEvent, PartDelivered, PartStored, Retried, StatusSeen
from jobstream.jobs.job import Job

ROWS = 12  # jobs shown at once on a terminal
REFRESH = 4  # times a second


class Line(Struct):
    """What is shown of one job."""

    job: Job
    began: float
    ended: float = 0.0
    bytes: int = 0
    records: int = 0


class Progress(Protocol):
    def see(self, job: Job, event: AnyEvent) -> None: ...
    def __enter__(self) -> Progress: ...
    def __exit__(self, *exc: object) -> None: ...


def open_progress(*, quiet: bool, as_json: bool, now: Callable[[], float], err: TextIO | None = None) -> Progress:
    """The form that fits: --quiet, --json, a terminal, or lines. Always on standard error: records may be on the other."""
    err = err or sys.stderr
    if quiet:
        return Silent()
    if as_json:
        return JsonLines(err)
    return Table(now, err) if err.isatty() else Lines(err)


class Silent:
    def see(self, job: Job, event: AnyEvent) -> None:
        pass

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class Lines(Silent):
    """A line for whatever a person would want to read in a log afterwards: not each running poll, not each stored part."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._text: dict[str, str] = {}

    def see(self, job: Job, event: AnyEvent) -> None:
        if isinstance(event, PartStored) or (isinstance(event, StatusSeen) and self._same(job, event)):
            return
        if isinstance(event, Retried) and event.step in ("poll", "locate") and event.fault is None:
            return
        print(f"{clock_text(event.at)} {job.stream} {short(job.id)} {tell(event)}", file=self._out, flush=True)

    def _same(self, job: Job, e: StatusSeen) -> bool:
        said = f"{e.status} {e.text}"
        same = self._text.get(job.id) == said
        self._text[job.id] = said
        return same and e.status == "running"


class JsonLines(Silent):
    """One object an event: {"at", "job", "stream", "event", "phase", "text"}."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def see(self, job: Job, event: AnyEvent) -> None:
        row = {
            "at": event.at,
            "job": job.id,
            "stream": job.stream,
            "event": type(event).__name__,
            "phase": job.phase,
            "text": tell(event),
        }
        print(json.dumps(row), file=self._out, flush=True)


class Table(Silent):
    """Redrawn a few times a second; text from an API is never read as markup."""

    def __init__(self, now: Callable[[], float], out: TextIO) -> None:
        self._now, self._out = now, out
        self._lines: dict[str, Line] = {}
        self._live: Any = None

    def see(self, job: Job, event: AnyEvent) -> None:
        line = self._lines.get(job.id)
        if line is None:
            line = self._lines[job.id] = Line(job, event.at)
        line.job, line.ended = job, event.at
        if isinstance(event, PartStored):
            line.bytes += sum(event.stored.lengths)
        elif isinstance(event, PartDelivered):
            line.records += event.counts.kept

    def __enter__(self) -> Progress:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(get_renderable=self._draw, refresh_per_second=REFRESH, console=Console(file=self._out, markup=False))
        self._live.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.__exit__(None, None, None)

    def _draw(self) -> Any:
        from rich.console import Group
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(box=None, pad_edge=False, header_style="bold")
        for title, justify in COLUMNS.items():
            table.add_column(title, justify=justify, no_wrap=True)
        for line in self._chosen():
            table.add_row(*(Text(cell) for cell in cells(line, self._now())))
        return Group(table, Text(summary(self._lines), style="dim"))

    def _chosen(self) -> list[Line]:
        """Those at work first, then those that wait, then those that ended last."""
        order = {"fetching": 0, "locating": 1, "creating": 2, "running": 3, "planned": 5}
        lines = list(self._lines.values())
        live = sorted((x for x in lines if not x.job.over), key=lambda x: order.get(x.job.phase, 4))[:ROWS]
        over = [x for x in lines if x.job.over]
        return [*live, *over[len(over) - max(0, ROWS - len(live)) :]] if len(live) < ROWS else live


COLUMNS: dict[str, Literal["left", "right"]] = {"stream": "left", "job": "left", "slice": "left", "phase": "left", "API status": "left", "elapsed": "right", "polls": "right",
           "next": "right", "bytes": "right", "records": "right"}  # fmt: skip


def cells(line: Line, now: float) -> tuple[str, ...]:
    job = line.job
    wait = job.wake_at - now
    until = "" if job.over or wait <= 0 else seconds_text(wait)
    took = (line.ended if job.over else now) - line.began
    return (job.stream, short(job.id), slice_text(job.slice)[:40], job.phase.replace("_", " "), job.text[:24],
            seconds_text(took), str(job.polls), until, bytes_text(line.bytes) if line.bytes else "",
            f"{line.records:,}" if line.records else "")  # fmt: skip


def summary(lines: Mapping[str, Line]) -> str:
    phases: dict[str, int] = {}
    for line in lines.values():
        phases[line.job.phase] = phases.get(line.job.phase, 0) + 1
    said = ", ".join(f"{n:,} {phase.replace('_', ' ')}" for phase, n in sorted(phases.items()))
    jobs = "1 job" if len(lines) == 1 else f"{len(lines):,} jobs"
    return (f"{jobs}: {said or 'planning'}; {sum(x.records for x in lines.values()):,} records, "
            f"{bytes_text(sum(x.bytes for x in lines.values()))}")  # fmt: skip


def short(job_id: str) -> str:
    """Enough of an id to name it on a screen (`e8ce.75349781`); commands take any piece of an id that only it has."""
    run, dot, name = job_id.rpartition(".")
    return f"{run[-4:]}{dot}{name if '-' in name else name[:8]}"


def clock_text(at: float) -> str:
    """HH:MM:SS, UTC."""
    seconds = int(at) % 86400
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
