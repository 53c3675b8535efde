"""Draws docs/job-life.md from the code: the state diagram, the two tables. `--check` fails if the page is not what the code says."""

from __future__ import annotations

import sys
from pathlib import Path

from jobstream.jobs.table import ENDS, GRADE, LIVE, OWED, TABLE
from jobstream.meaning.judge import MAY, MEANS

PAGE = Path(__file__).parent.parent / "docs" / "job-life.md"
HEAD = """# The life of one job

Drawn from `jobs/table.py` and `meaning/judge.py` by `scripts/draw.py`; a test fails when this page and the code part.

A *job* is our create-poll-download for one slice. Its phase **is** what is owed next: `decide(job, now)` reads nothing else.
An event records what happened and where that leads; `apply(job, event)` refuses whatever stands in no cell of the table.
"""


def diagram() -> str:
    """The way without trouble in full strokes; the ways out of it are in the table."""
    lines = ["```mermaid", "stateDiagram-v2"]
    seen: set[tuple[str, str]] = set()
    for (phase, event), to in sorted(TABLE.items(), key=lambda x: (str(x[0][0]), x[0][1].__name__)):
        for t in sorted(to):
            name = event.__name__
            if t == phase or name == "CancelAsked" or (phase or "[*]", t) in seen:
                continue
            seen.add((phase or "[*]", t))
            lines.append(f"    {phase or '[*]'} --> {t}: {name}")
    lines += [f"    {end} --> [*]" for end in sorted(ENDS)]
    return "\n".join([*lines, "```"])


def phases() -> str:
    rows = ["| phase | owed | event: phases it may lead to |", "|---|---|---|"]
    for p in (None, *LIVE):
        cells = [(e.__name__, to) for (q, e), to in TABLE.items() if q == p and e.__name__ != "CancelAsked"]
        ways = "; ".join(f"{e}: {' '.join(sorted(x if x != p else 'same' for x in to))}" for e, to in cells)
        rows.append(f"| {p or '(birth)'} | {OWED.get(p, '') if p else ''} | {ways} |")
    return "\n".join([*rows, "| any live | | CancelAsked: same |"])


def verdicts() -> str:
    steps = list(MAY)
    rows = ["| verdict | means | " + " | ".join(steps) + " |", "|---|---|" + "---|" * len(steps)]
    rows += [f"| {v} | {means} | " + " | ".join("x" if v in MAY[s] else "" for s in steps) + " |" for v, means in MEANS.items()]
    return "\n".join(rows)


def grades() -> str:
    rows = ["| grade | rule | events |", "|---|---|---|"]
    rule = {"ahead": "committed before its effect may happen", "kept": "committed before the next command",
            "loose": "the newest of a job rides along with the next commit, or is lost"}  # fmt: skip
    for g, said in rule.items():
        rows.append(f"| {g} | {said} | {', '.join(e.__name__ for e, grade in GRADE.items() if grade == g)} |")
    return "\n".join(
        [
            *rows,
            "",
            "A running `StatusSeen` is loose too; a `Retried` that changes the phase is kept; parts of a synchronous slice are loose.",
        ]
    )


def page() -> str:
    return "\n".join([HEAD, diagram(), "", "## Phases", "", phases(), "", "## Verdicts", "",
                      "Rules turn each answer into one verdict; which may stand at which step:", "", verdicts(), "",
                      "## Grades of durability", "", grades(), ""])  # fmt: skip


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text() == page() else f"{PAGE} is not what the code says: run scripts/draw.py")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())
