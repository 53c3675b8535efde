"""Tables and facts on standard output; text from an API is never read as markup."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jobstream.cli.progress import short
from jobstream.cli.telling import fault_text, seconds_text, slice_text

if TYPE_CHECKING:
    from jobstream.ledger.shelf import Seen

Rows = list[tuple[str, ...]]


def table(rows: Rows) -> None:
    """The first row is the header. Numbers stand to the right. Plain text where it is no terminal."""
    if not sys.stdout.isatty():
        widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
        for row in rows:
            print("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for i, title in enumerate(rows[0]):
        numeric = all(r[i].replace(",", "").isdigit() or not r[i] for r in rows[1:])
        shown.add_column(title, justify="right" if numeric else "left", overflow="fold")
    for row in rows[1:]:
        shown.add_row(*(Text(cell) for cell in row))
    Console(markup=False).print(shown)


def job_rows(seen: list[Seen], now: float) -> Rows:
    head = ("job", "source", "stream", "slice", "phase", "API id", "API status", "age", "polls", "records", "why")
    return [head, *((short(s.id), s.source, s.stream, slice_text(s.slice), phase(s), text(s.api_id), s.text, seconds_text(now - s.born),
                     str(s.polls), f"{s.records:,}", fault_text(s.fault)) for s in seen)]  # fmt: skip


def phase(s: Seen) -> str:
    said = s.phase.replace("_", " ")
    extra = [w for w, on in (("partial", s.partial), ("cancel asked", s.cancel and not s.over), ("in doubt", s.unsure),
                             ("orphan", bool(s.orphans))) if on]  # fmt: skip
    return f"{said} ({', '.join(extra)})" if extra else said


def text(value: object) -> str:
    return "" if value is None else str(value)


def facts(s: Seen, now: float) -> list[str]:
    """One job, as lines of `name  value`."""
    rows = {"job": s.id, "source": s.source, "stream": s.stream, "slice": slice_text(s.slice), "phase": phase(s), "API id": text(s.api_id),
            "API status": s.text, "attempt": str(s.attempt), "polls": str(s.polls), "age": seconds_text(now - s.born),
            "targets": f"{s.targets - s.open} of {s.targets} done", "records": f"{s.records:,}",
            "orphans": str(s.orphans) if s.orphans else "", "why": fault_text(s.fault)}  # fmt: skip
    return [f"{name:<11} {value}" for name, value in rows.items() if value]
