"""Plants faults in copies; each must fail a test. python mutations.py"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
M = "src/jobstream/"
#: name -> (file, old, new, tests)
FAULTS: dict[str, tuple[str, str, str, str]] = {
    "the intent is not durable before the request": (
        M + "engine/shard.py",
        "        await self._record(job_id, intent)\n",
        "        self.jobs[job_id] = apply(self.jobs[job_id], intent)\n",
        "crash",
    ),
    "the fence does not look at the epoch": (
        M + "ledger/sqlite.py",
        "WHERE name = ? AND epoch = ?",
        "WHERE name = ? AND epoch >= ? - 1000000",
        "crash",
    ),
    "a lost create is taken as not made": (
        M + "meaning/conclude.py",
        'verdict = "doubt" if lost else verdict',
        "verdict = verdict",
        "shapes or crash",
    ),
    "a refused repeat forgets the first create": (
        M + "meaning/conclude.py",
        'if verdict == "doubt" or job.unsure else "planned"',
        'if verdict == "doubt" else "planned"',
        "shapes or crash",
    ),
    "no settle before a lookup": (M + "meaning/conclude.py", "wait = max(wait, c.plan.policy.settle)", "pass", "crash"),
    "an old intent is sent": (M + "engine/shard.py", "> too_old(c.plan, ex)", "> 1e9", "crash"),
    "nothing is retracted": (
        M + "meaning/ending.py",
        '"retracting" if job.touched and c.tools.retracts else then',
        "then",
        "crash",
    ),
    "the destination forgets the epoch of a retract": (
        M + "testing/destinations.py",
        "        if epoch < self._epochs.get(key.job, 0):",
        "        if False:",
        "engine or crash",
    ),
    "a new attempt after a delivered part without retract": (
        M + "meaning/ending.py",
        "        return job.targets.parts == 0\n",
        "        return True\n",
        "crash",
    ),
    "delivered bytes are written under a new name": (
        M + "engine/bring.py",
        "PartKey(job.stream, job.id, job.attempt, i, part.part)",
        "PartKey(job.stream, job.id, job.attempt, i, part.part + 100 * job.seq)",
        "crash",
    ),
    "a part is delivered before it is committed": (
        M + "jobs/table.py",
        '    PartStored: "ahead"',
        '    PartStored: "loose"',
        "crash",
    ),
    "a receipt on a pipe is believed": (M + "engine/shard.py", "if given is None or position > given:", "if False:", "crash"),
    "a state is said while a part is half out": (
        M + "engine/haul.py",
        "        async with self._owner.door:\n            return",
        "        if True:\n            return",
        "crash",
    ),
    "a synchronous slice goes on where it broke": (
        M + "engine/shard.py",
        'if j.synchronous and j.phase == "fetching"',
        "if False",
        "crash",
    ),
    "a lost part is not stored again": (
        M + "jobs/job.py",
        "stored=(), next=t.stored[0].token, complete=False",
        "stored=(), complete=True",
        "crash",
    ),
    "fresh links forget the receipts": (
        M + "jobs/job.py",
        "every[i] = structs.replace(every[i], value=t.value)",
        "every[i] = t",
        "shapes or crash",
    ),
    "a cancel preempts what is in flight": (
        M + "jobs/command.py",
        '_FINISH = frozenset(("creating", ',
        "_FINISH = frozenset((",
        "crash or walk",
    ),
    "a slot is never given back": (
        M + "engine/shard.py",
        "            self._taken[slot].discard(job.id)\n            while",
        "            while",
        "engine",
    ),
    "busy never ends": (M + "meaning/conclude.py", "c.now - since >= most", "False", "shapes"),
    "a poll that fails too often ends the job": (
        M + "meaning/ending.py",
        'case "poll" | "locate" if plan.poll is not None and',
        'case "poll" | "locate" if False and plan.poll is not None and',
        "shapes",
    ),
    "the state jumps over a gap": (
        M + "components/cursors/datetime.py",
        "if out and self._time(out[-1][1]) + grain >= self._time(a):",
        "if out:",
        "dialects",
    ),
    "a short body is taken": (M + "engine/bring.py", "    if told.isdigit() and int(told) != n:", "    if False:", "crash"),
    "a cut gzip is taken": (
        M + "components/decoders/gzip.py",
        "        except (EOFError, OSError, zlib.error) as e:\n            raise",
        "        except (EOFError, OSError, zlib.error) as e:\n            return\n            raise",
        "engine",
    ),
    "everybody renews the token": (
        M + "engine/exchange.py",
        "if held is not None and self._held.get(name) == held:",
        "if held is not None:",
        "engine",
    ),
}


def survives(name: str, runs: str) -> str:
    path, old, new, tests = FAULTS[name]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "study"
        shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns(".mypy_cache", ".hypothesis", "__pycache__", ".pytest_cache"))
        text = (copy / path).read_text()
        if old not in text:
            return "NOT PLANTED"
        (copy / path).write_text(text.replace(old, new, 1))
        files = [f"tests/test_{t}.py" for t in tests.split(" or ")]
        env = os.environ | {"RUNS": runs, "WALKS": "100", "CHANCES": "3000", "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            got = subprocess.run(  # noqa: PLW1510
                [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files],
                cwd=copy,
                env=env,
                capture_output=True,
                timeout=60,
            )
        except subprocess.TimeoutExpired:
            return "caught (hangs)"
    return "SURVIVES" if got.returncode == 0 else "caught"


if __name__ == "__main__":
    chosen = [n for n in FAULTS if not sys.argv[2:] or any(a in n for a in sys.argv[2:])]
    runs = sys.argv[1] if len(sys.argv) > 1 else "400"
    for name in chosen:
        print(f"{survives(name, runs):15} {name}", flush=True)
