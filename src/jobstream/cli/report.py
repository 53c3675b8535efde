"""What a run came to, in words or as JSON, on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TextIO

from msgspec import to_builtins

from jobstream.cli.progress import short
from jobstream.cli.remedies import remedy_of
from jobstream.cli.telling import bytes_text, fault_text, seconds_text, slice_text
from jobstream.jobs.event import Fault
from jobstream.jobs.job import Job
from jobstream.wish import Outcome

MOST = 10  # of one kind that are listed


Where = Callable[[str, str], str]


def show(outcome: Outcome, out: TextIO, *, as_json: bool, where: Where = lambda stream, at: "") -> None:
    """where: the place in the person's document, by stream and pointer into its plan."""
    if as_json:
        print(json.dumps({"run": outcome.run, "source": outcome.source, "to": outcome.there, "good": outcome.good, "took": outcome.took,
                          "streams": outcome.numbers, "left": [_left(j) for j in outcome.left],
                          "foreign": [j.id for j in outcome.foreign.values()]}), file=out)  # fmt: skip
        return
    for name, n in outcome.numbers.items():
        print(_stream(name, n), file=out)
        for line in _notes(n):
            print(f"  {line}", file=out)
    for line in [*_leftovers(outcome, where), *_orphans(outcome), *_foreign(outcome)]:
        print(line, file=out)
    if outcome.stopped:
        print("stopped on request", file=out)
    print(f"{'done' if outcome.good else 'not done'} in {seconds_text(outcome.took)}; run {outcome.run}", file=out)


def _stream(name: str, n: dict[str, Any]) -> str:
    phases = ", ".join(f"{count:,} {phase.replace('_', ' ')}" for phase, count in sorted(n["jobs"].items())) or "no jobs"
    before = f" (+ {n['kept_before']:,} delivered before)" if n["kept_before"] else ""
    back = f" (- {n['taken_back']:,} taken back)" if n.get("taken_back") else ""
    return f"{name}: {n['kept']:,} records{before}{back}, {bytes_text(n['bytes'])} in {n['parts']:,} parts; jobs: {phases}; {n['polls']:,} polls"


def _notes(n: dict[str, Any]) -> list[str]:
    said = []
    if n["filtered"] or n["bad"]:
        said.append(f"{n['read']:,} read = {n['kept']:,} kept + {n['filtered']:,} filtered + {n['bad']:,} unreadable")
    if n.get("fitted"):
        said.append(f"{n['fitted']:,} rows had too few or too many cells: missing ones are null, extra ones were dropped")
    if n["jobs"].get("done") and not n["targets"]:
        said.append("the API said that it is ready, and gave nothing to download")
    if n["fell_to_rows"]:
        said.append(f"{n['fell_to_rows']:,} records left columns for a step that works on rows")
    if n["doubtful"]:
        said.append(
            f"{_many(n['doubtful'], 'creation')} without an answer: as many remote jobs may run beside those that were used"
        )
    if n["partial"]:
        said.append(f"{_many(n['partial'], 'job')} gave a partial result")
    spent = {k: v for k, v in n["spent"].items() if v >= 0.05}
    if spent:
        said.append("time: " + ", ".join(f"{k} {seconds_text(v)}" for k, v in spent.items()))
    said += [f"{t['n']:,} × {fault_text(Fault(t['code'], t['say'], t['seen']))}" for t in n["faults"][:MOST]]
    return said


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _left(job: Job) -> dict[str, Any]:
    return {"job": job.id, "stream": job.stream, "slice": to_builtins(job.slice), "phase": job.phase, "api_id": job.api_id,
            "fault": to_builtins(job.fault)}  # fmt: skip


def _leftovers(outcome: Outcome, where: Where) -> list[str]:
    lines = [line for job in outcome.left[:MOST] for line in _leftover(job, where)]
    return [*lines, *([f"… and {len(outcome.left) - MOST:,} more: jobstream jobs list"] if len(outcome.left) > MOST else [])]


def _leftover(job: Job, where: Where) -> list[str]:
    """What became of it, where the document is about that, and what to do."""
    who = " ".join(filter(None, (job.stream, short(job.id), slice_text(job.slice))))
    if job.fault is None:
        return [f"{job.phase.replace('_', ' ')}: {who}"]
    place, do = where(job.stream, job.fault.at), remedy_of(job.fault).do
    return [f"{job.phase.replace('_', ' ')}: {who}: {fault_text(job.fault)}",
            *([f"  at {place}"] if place else []), *([f"  what to do: {do}"] if do else [])]  # fmt: skip


def _orphans(outcome: Outcome) -> list[str]:
    n = sum(j.orphans for j in outcome.jobs.values())
    return [f"{_many(n, 'remote job')} may be left at the API: jobstream jobs orphans"] if n else []


def _foreign(outcome: Outcome) -> list[str]:
    live = [j for j in outcome.foreign.values() if not j.over]
    said = f"{len(live):,} live jobs ask something else (the document or config was changed) and were left alone: "
    return [said + "`jobstream jobs collect --to ANOTHER` takes their results, `jobs cancel --now` ends them"] if live else []
