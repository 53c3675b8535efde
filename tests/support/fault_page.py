"""docs/faults.md, drawn from the table.  python tests/support/fault_page.py: runs every row and writes the page when each happens so."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from fault_case import Case, happened, judge
from fault_table import CASES, CHAPTERS

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
HEAD = """# What an API may do wrong, and what comes of it

Drawn from `tests/support/fault_table.py`; `tests/faults` runs every row: the real engine, HTTP, SQLite, spool and files against the
practice API (`jobstream practice-api`), which misbehaves as the row says. `scripts/faults` runs them all and writes this page.

*Records*: **all**: each record that the API made is with the destination, once. **none**: nothing of the slice is there, and the run
ends with exit code 1 and a message that names stream, step, place in the document, what was seen and what to do. *Remote jobs*: how
many the API made, over all slices of the row. *Told*: the code under which the report, the timeline (`jobs show`) and `--json` tell it.

Where nothing else is said the manifest is plain, the creation carries an idempotency key, and a slice may take three attempts.
"""


def page() -> str:
    out = [HEAD]
    for title, cases in CHAPTERS.items():
        out += [f"## {title}\n", "| the API | with | outcome | records | remote jobs | told |", "|---|---|---|---|---|---|"]
        out += [_row(case) for case in cases.values()]
        out.append("")
    return "\n".join(out)


def _row(case: Case) -> str:
    code = "" if not case.code else f"`{case.code}`"
    cells = [
        case.does,
        case.says,
        case.outcome,
        str(case.records),
        str(case.jobs),
        code,
    ]
    return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"


async def _all() -> int:
    wrong = 0
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                judge(case, await happened(case, Path(folder)))
            except AssertionError as e:
                wrong += 1
                print(f"{name}: {e}", file=sys.stderr)
    return wrong


def main() -> int:
    wrong = asyncio.run(_all())
    if wrong:
        print(f"{wrong} rows do not happen as the table says; the page is as it was", file=sys.stderr)
        return 1
    PAGE.write_text(page())
    print(f"{len(CASES)} rows, {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
