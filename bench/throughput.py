"""One big gzip CSV through each contestant, in turns, and the medians."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import contestants
import inputs
import measure
import table
from contestants import Contestant, Task
from measure import Cost

Name = tuple[str, str]


def run(rows: int, rounds: int, jobstream: str, scratch: Path, *, holes: bool = False, only: str = "",
        keep: str = "throughput", write: bool = False) -> bool:  # fmt: skip
    """Measures, prints and keeps the table. False when a contestant failed, or two that must agree gave different records."""
    file = inputs.csv_gz(rows, holes=holes)
    field = [c for c in contestants.throughput(jobstream) if only in c.name]
    what = f"{rows:,} rows × 10 columns, gzip CSV{', some cells empty' if holes else ''}"
    return _measured(what, file, field, rows, rounds, scratch, f"{keep}{'-holes' if holes else ''}", write=write)


def documents(kind: str, rows: int, rounds: int, jobstream: str, scratch: Path, *, only: str = "", write: bool = False) -> bool:
    """The same for JSON lines, one JSON array, or XML, to RECORD lines."""
    file = inputs.documents(kind, rows)
    field = [c for c in contestants.documents(kind, jobstream) if only in c.name]
    names = {"jsonl": "JSON lines, gzip", "json": "one JSON array, gzip", "xml": "XML elements"}
    return _measured(f"{rows:,} rows × 10 members, {names[kind]}", file, field, rows, rounds, scratch, kind, write=write)


def _measured(
    what: str, file: Path, field: list[Contestant], rows: int, rounds: int, scratch: Path, keep: str, *, write: bool
) -> bool:
    if not contestants.install_cdk():
        print("airbyte-cdk could not be installed: measured without it")
        field = [c for c in field if "airbyte-cdk" not in c.name]
    costs: dict[Name, list[Cost]] = {(c.form, c.name): [] for c in field}
    alike: dict[Name, Any] = {}
    for turn in range(rounds):
        for c in field:
            key = (c.form, c.name)
            if costs[key] and costs[key][-1].code:
                continue
            cost, found = _once(c, file, scratch, look=turn == 0)
            costs[key].append(cost)
            alike.setdefault(key, found)
            said = (
                f"{cost.cpu_s:8.2f} s CPU {cost.wall_s:8.2f} s {cost.peak_mb:6.0f} MB"
                if not cost.code
                else f"failed ({cost.code})\n{cost.words}"
            )
            print(f"{turn + 1}/{rounds} {c.form:8} {c.name:40} {said}", flush=True)
    return _tell(what, rows, field, costs, alike, keep=keep, write=write)


def _once(c: Contestant, file: Path, scratch: Path, *, look: bool) -> tuple[Cost, Any]:
    """One run in a fresh folder and beside a fresh server; with `look` also what came out."""
    place = Path(tempfile.mkdtemp(prefix="jobstream-bench-", dir=scratch))
    try:
        with measure.server(inputs.INPUTS) as server:
            cost = measure.run(c.command(Task(server.origin, file.name, place)), place, place / "stdout")
        found = None
        if look and not cost.code:
            made = place / ("stdout" if c.form == "records" else "landed")
            said = subprocess.run(
                [str(contestants.PYTHON), str(measure.HERE / "alike.py"), str(made)], capture_output=True, check=True
            )
            found = json.loads(said.stdout)
        return cost, found
    finally:
        shutil.rmtree(place)


def _tell(what: str, rows: int, field: list[Contestant], costs: dict[Name, list[Cost]], alike: dict[Name, Any], *, keep: str,
          write: bool) -> bool:  # fmt: skip
    good = {k: [c for c in v if not c.code] for k, v in costs.items()}
    cpu = {k: statistics.median(c.cpu_s for c in v) for k, v in good.items() if v}
    peers = [c.name for c in field if c.name.startswith("airbyte-cdk")]
    lines, result = [], []
    for c in field:
        key = (c.form, c.name)
        if key not in cpu:
            lines.append([c.form, c.name, *["-"] * (6 + len(peers))])
            continue
        wall, peak = statistics.median(x.wall_s for x in good[key]), statistics.median(x.peak_mb for x in good[key])
        against = {"script": (c.form, "straight-line script")} | {
            peer.name: ("records", peer.name) for peer in field if peer.name.startswith("airbyte-cdk")}  # fmt: skip
        ratio = {k: cpu[v] / cpu[key] for k, v in against.items() if v in cpu}
        lines.append([c.form, c.name, f"{cpu[key]:.2f}", f"{rows / cpu[key] / 1000:,.0f}", f"{wall:.2f}", f"{peak:.0f}",
                      f"{1 / ratio['script']:.2f}" if "script" in ratio else "-",
                      *(f"{ratio[k]:.1f}" if k in ratio else "-" for k in peers),
                      str((alike[key] or {}).get("records", "-"))])  # fmt: skip
        result.append({"form": c.form, "name": c.name, "cpu_s": cpu[key], "wall_s": wall, "peak_mb": peak, "ratios": ratio,
                       "runs": [vars(x) | {"samples": [], "words": ""} for x in good[key]], "output": alike[key]})  # fmt: skip
    head = ["to", "what", "CPU s", "thousand rows per CPU s", "wall s", "peak MB", "CPU / script",
            *(f"times less CPU than {p}" for p in peers), "records"]  # fmt: skip
    about = table.machine(contestants.CDK.parent / "python")
    text = (f"{what}; medians of {max(map(len, costs.values()))}.\n\n"
            f"{table.markdown(head, lines)}\n\n{'; '.join(f'{k} {v}' for k, v in about.items())}")  # fmt: skip
    table.keep(keep, text, {"rows": rows, "machine": about, "results": result}, write=write)
    return _agree(alike) and all(good.values())


def _agree(alike: dict[Name, Any]) -> bool:
    """Outputs of one reading are equal record for record. An empty cell is text to a CsvDecoder and null to the extractor."""
    right = True
    for extractor in (False, True):
        seen = {k: v for k, v in alike.items() if v is not None and ("Extractor" in k[1]) is extractor}
        odd = [k for k, v in seen.items() if v != next(iter(seen.values()))]
        for key in odd:
            print(f"DIFFERENT: {key} gave {seen[key]}, {next(iter(seen))} gave {next(iter(seen.values()))}")
        if seen and not odd:
            print(f"alike, record for record: {', '.join(f'{name} ({form})' for form, name in seen)}")
        right = right and not odd
    return right
