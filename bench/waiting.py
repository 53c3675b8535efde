"""Many jobs that only wait: memory, CPU of a poll, and how long a finished job waits for its download."""

from __future__ import annotations

import shlex
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import inputs
import measure
import table
from contestants import MANIFESTS, PYTHON, Task
from measure import Cost, Server


def run(
    jobs: int,
    span: tuple[float, float],
    every: float,
    jobstream: str,
    scratch: Path,
    *,
    latency: float = 0.0,
    only: str = "",
    keep: str = "jobs",
    write: bool = False,
) -> bool:
    """Measures jobstream and the bare script; prints and keeps the table. False when one failed or fetched too little."""

    def ours(t: Task) -> list[str]:
        keys = [f"k{n}" for n in range(jobs)]
        config = t.written("config.json", {"origin": t.origin, "keys": keys, "from": span[0], "to": span[1]})
        manifest = t.place / "waiting.yaml"
        manifest.write_text((MANIFESTS / "waiting.yaml").read_text().replace("interval: 10}", f"interval: {every:g}}}"))
        return [*shlex.split(jobstream), "run", str(manifest), "--config", str(config), "--to", str(t.place / "landed"), "--format", "jsonl",
                "--project", str(t.place), "--quiet"]  # fmt: skip

    def lean(t: Task) -> list[str]:
        return [str(PYTHON), str(measure.HERE / "lean.py"), t.origin, str(jobs), str(span[0]), str(span[1]), str(every)]

    rows, results, right = [], [], True
    for name, command in (("jobstream", ours), ("bare aiohttp script", lean)):
        if only not in name:
            continue
        cost, stats, states = _once(command, scratch, latency)
        if cost.code or stats["downloaded"] < jobs:
            print(f"{name}: ended {cost.code}, {stats['downloaded']} of {jobs} downloaded\n{cost.words}")
            right = False
        found = _numbers(cost, stats, states, jobs)
        results.append({"name": name, "code": cost.code, **found})
        rows.append([name, *(_shown(found[k]) for k in _COLUMNS)])
    about = table.machine(None)
    text = (f"{jobs:,} jobs of {span[0]:g} to {span[1]:g} s, a poll every {every:g} s each, one small gzip CSV each"
            f"{f', {1000 * latency:g} ms before each answer' if latency else ''}.\n\n"
            f"{table.markdown(['what', *_COLUMNS], rows)}\n\n{'; '.join(f'{k} {v}' for k, v in about.items())}")  # fmt: skip
    table.keep(keep, text, {"jobs": jobs, "span": span, "every": every, "machine": about, "results": results}, write=write)
    return right


_COLUMNS = ("wall s", "CPU s", "peak MB", "MB while all wait", "polls", "CPU ms a poll while all wait", "CPU ms a request, all in all",
            "creating s", "lag median s", "lag p95 s", "lag max s")  # fmt: skip


def _once(command: Any, scratch: Path, latency: float) -> tuple[Cost, dict[str, Any], list[tuple[float, dict[str, Any]]]]:
    place = Path(tempfile.mkdtemp(prefix="jobstream-bench-", dir=scratch))
    states: list[tuple[float, dict[str, Any]]] = []
    over = threading.Event()
    try:
        with measure.server(inputs.INPUTS, latency) as server:
            watch = threading.Thread(target=_states, args=(server, states, over))
            watch.start()
            try:
                cost = measure.run(command(Task(server.origin, "", place)), place, place / "stdout", every_s=0.5)
            finally:
                over.set()
                watch.join()
            return cost, server.get("/stats/lags"), states
    finally:
        shutil.rmtree(place)


def _states(server: Server, states: list[tuple[float, dict[str, Any]]], over: threading.Event) -> None:
    start = time.monotonic()
    while not over.wait(1.0):
        states.append((time.monotonic() - start, server.get("/stats")))


def _numbers(
    cost: Cost, stats: dict[str, Any], states: list[tuple[float, dict[str, Any]]], jobs: int
) -> dict[str, float | None]:
    waiting = [(at, s) for at, s in states if s["jobs"] == jobs and s["done"] == 0]
    each = memory = None
    if len(waiting) > 1:
        (start, first), (end, last) = waiting[0], waiting[-1]
        there = [s for s in cost.samples if start <= s[0] <= end]
        if len(there) > 1 and last["polls"] > first["polls"]:
            share = (there[-1][1] - there[0][1]) / (there[-1][0] - there[0][0])
            each = 1000 * share * (end - start) / (last["polls"] - first["polls"])
            memory = max(s[2] for s in there)
    lags = stats["lags"] or [None]
    requests = stats["jobs"] + stats["polls"] + stats["downloaded"]
    return dict(zip(_COLUMNS, (
        cost.wall_s, cost.cpu_s, cost.peak_mb, memory, stats["polls"], each, 1000 * cost.cpu_s / max(1, requests), stats["creating_s"],
        statistics.median(lags) if stats["lags"] else None, lags[int(0.95 * (len(lags) - 1))], lags[-1]), strict=True))  # fmt: skip


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
