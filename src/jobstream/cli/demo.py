"""`jobstream demo`: the whole way, against a practice API on this machine."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobstream.cli.options import read_text
from jobstream.errors import UsageError

if TYPE_CHECKING:
    from jobstream.app import App
    from jobstream.testing.practice import PracticeServer
    from jobstream.wish import Outcome

ORIGIN = "https://api.sendgrid.com"
#: what goes wrong in a demo: enough to be seen, not enough to be waited for
FAULTS = ("429=1,on=poll,times=1", "reset,file=0,times=1")
ROWS = 5  # of the records that are shown


def add(parser: argparse.ArgumentParser) -> None:
    parser.epilog = ("Starts a server that behaves like a real job API (it keeps you polling, answers 429 once, breaks a download,\n"
                     "hands out gzip files behind links that expire), runs examples/sendgrid against it and shows what came.")  # fmt: skip
    parser.add_argument("--to", metavar="DIR", default="demo-out", help="folder for records and project (default: demo-out)")
    parser.add_argument("--rows", type=int, default=20_000, metavar="N", help="records of each file (default: 20,000)")
    parser.add_argument("--files", type=int, default=3, metavar="N", help="files of the export (default: 3)")


def run(args: argparse.Namespace) -> int:
    """0: every record that the practice API made is in the Parquet files, and it saw no more than it should."""
    from jobstream.app import App
    from jobstream.project import Project
    from jobstream.testing.practice import PracticeServer

    folder = Path(args.to)
    folder.mkdir(parents=True, exist_ok=True)
    with PracticeServer(where="process", rows=args.rows, files=args.files, job_seconds=6.0, faults=FAULTS) as api:
        print(f"practice API at {api.url}; files at {api.files_url}\n", file=sys.stderr)
        return asyncio.run(_perform(App(Project(folder)), api, folder))


async def _perform(app: App, api: PracticeServer, folder: Path) -> int:
    from jobstream.cli.delivery import destination_of, supersede
    from jobstream.cli.progress import open_progress
    from jobstream.cli.report import show
    from jobstream.cli.signals import stopping
    from jobstream.wish import Wish

    path = examples() / "sendgrid" / "manifest.yaml"
    config = {"api_key": api.config.key}
    compiled = app.load(str(path), read_text(str(path)), config)
    wish = Wish(to=str(folder / "records"), format="parquet", origins={ORIGIN: api.url})
    destination, stop = destination_of(compiled.plan, wish), asyncio.Event()
    with stopping(stop), open_progress(quiet=False, as_json=False, now=app.clock.now) as progress:
        outcome = await app.run(compiled.plan, config, wish, destination, watch=progress.see, stop=stop)
    supersede(app, destination, compiled.plan, wish, outcome)
    show(outcome, sys.stderr, as_json=False)
    sys.stderr.flush()
    _timelines(app, outcome)
    return _records(api, Path(wish.to)) if outcome.good else 1


def _timelines(app: App, outcome: Outcome) -> None:
    from jobstream.cli.timeline import timeline

    with contextlib.closing(app.shelf()) as shelf:
        for job in outcome.jobs:
            print("\ntimeline of job", job)
            print("\n".join(f"  {line}" for line in timeline(e.event for e in shelf.job(job).events)))


def _records(api: PracticeServer, folder: Path) -> int:
    """Where the records are, the first of them, and whether they are those that the API made."""
    from pyarrow import dataset

    data: Any = dataset.dataset(folder / "contacts", format="parquet")
    table = data.to_table()
    print(f"\n{table.num_rows:,} records in {len(data.files)} Parquet files in {folder / 'contacts'}; the first:")
    names = table.column_names[:5]
    rows = table.select(names).slice(0, ROWS).to_pylist()
    widths = [max(len(n), *(len(str(r[n])) for r in rows)) for n in names]
    for row in [dict(zip(names, names, strict=True)), *rows]:
        print("  " + "  ".join(str(row[n]).ljust(w) for n, w in zip(names, widths, strict=True)).rstrip())
    made = {r["CONTACT_ID"] for r in api.expected_rows()}
    same = table.num_rows == len(made) and set(table.column("CONTACT_ID").to_pylist()) == made
    seen = api.report(brief=True)
    print(f"\nthe API made {seen.n_jobs} job, was polled {seen.polls} times, served {seen.downloads} downloads, "
          f"saw credentials at the wrong host {len(seen.misplaced)} times")  # fmt: skip
    print("these are exactly the records that it made" if same else "THESE ARE NOT THE RECORDS THAT IT MADE")
    return 0 if same else 1


def examples() -> Path:
    """The shipped examples: beside the package when it is installed, in the checkout else. Raises UsageError."""
    import jobstream

    home = Path(jobstream.__file__).parent
    for place in (home / "examples", home.parents[1] / "examples"):
        if place.is_dir():
            return place
    raise UsageError("the examples are not installed with this package")
