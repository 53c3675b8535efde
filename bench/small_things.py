"""What a command costs before its first request, and whether memory grows with the size of a download."""

from __future__ import annotations

import shlex
import shutil
import statistics
import tempfile
from pathlib import Path

import contestants
import inputs
import measure
import table
from contestants import CDK, MANIFESTS, Task
from measure import Cost


def startup(rounds: int, jobstream: str, scratch: Path, *, write: bool = False) -> bool:
    """CPU of commands that do little. False when one failed."""
    there, program = contestants.install_cdk(), shlex.split(jobstream)
    manifest = str(MANIFESTS / "csv_decoder.yaml")
    file = inputs.csv_gz(10)
    verbs = {"--help": lambda t: ["--help"], "spec": lambda t: ["spec", "--manifest-path", manifest, "--config", str(t.config())],
             "check": lambda t: ["check", "--manifest-path", manifest, "--config", str(t.config())]}  # fmt: skip
    rows, result, right = [], [], True
    for verb, arguments in verbs.items():
        cpu: dict[str, float] = {}
        for name, start in (("jobstream", program), *((("airbyte-cdk", [str(CDK)]),) if there and verb != "--help" else ())):
            costs = [_once(start, arguments, file, scratch) for _ in range(rounds)]
            right = right and not any(c.code for c in costs)
            cpu[name] = statistics.median(c.cpu_s for c in costs)
        ours, theirs = cpu["jobstream"], cpu.get("airbyte-cdk")
        rows.append([verb, f"{ours:.2f}", f"{theirs:.2f}" if theirs else "-", f"{theirs / ours:.1f}" if theirs else "-"])
        result.append({"verb": verb, **cpu})
    text = f"CPU s; medians of {rounds}.\n\n{table.markdown(['command', 'jobstream', 'airbyte-cdk', 'times less'], rows)}"
    table.keep("startup", text, {"results": result}, write=write)
    return right


def _once(program: list[str], arguments: object, file: Path, scratch: Path) -> Cost:
    place = Path(tempfile.mkdtemp(prefix="jobstream-bench-", dir=scratch))
    try:
        with measure.server(inputs.INPUTS) as server:
            assert callable(arguments)
            return measure.run([*program, *arguments(Task(server.origin, file.name, place))], place, place / "stdout")
    finally:
        shutil.rmtree(place)


def memory(jobstream: str, scratch: Path, sizes: tuple[int, ...], *, write: bool = False) -> bool:
    """Peak memory over the size of a download: RECORD lines to nowhere, and Parquet. False when one failed."""
    rows, result, right = [], [], True
    for mb in sizes:
        file = inputs.csv_gz(mb * 7000)
        peaks: dict[str, float] = {}
        for c in (x for x in contestants.throughput(jobstream) if x.name == "jobstream, CsvDecoder"):
            place = Path(tempfile.mkdtemp(prefix="jobstream-bench-", dir=scratch))
            try:
                with measure.server(inputs.INPUTS) as server:
                    out = Path("/dev/null") if c.form == "records" else place / "stdout"
                    cost = measure.run(c.command(Task(server.origin, file.name, place)), place, out)
            finally:
                shutil.rmtree(place)
            right = right and not cost.code
            peaks[c.form] = cost.peak_mb
        rows.append([f"{mb:,} MB", f"{file.stat().st_size / 1e6:,.0f} MB", *(f"{v:.0f}" for v in peaks.values())])
        result.append({"mb": mb, **peaks})
    head = ["text", "downloaded", "peak MB to RECORD lines", "peak MB to Parquet"]
    table.keep("memory", f"One gzip CSV.\n\n{table.markdown(head, rows)}", {"results": result}, write=write)
    return right
