"""Plants faults in copies of the package; each must fail a test.

python scripts/mutations.py [--cheap] [WORD ...]   only those whose name has one of the words; ends with 1 if one survives"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LAWS, ENGINE, LEDGER = "tests/laws/", "tests/engine/", "tests/ledger/"
CRASH = LAWS + "test_crash.py"
KILLED = CRASH + "::test_killed_anywhere_the_records_of_one_remote_job_are_delivered_once"
FROZEN = CRASH + "::test_a_frozen_process_wakes_beside_the_new_owner_and_nothing_is_twice"
SHAPES, RESUME, SHARD = ENGINE + "test_shapes.py", LAWS + "test_resume.py", ENGINE + "test_shard.py"


#: A failure need not be made small, only be seen.
UNSHRUNK = """
import hypothesis

hypothesis.settings.register_profile("planted", phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate), database=None)
hypothesis.settings.load_profile("planted")
"""


class Fault(NamedTuple):
    """old becomes new in a file of the package. tests: what must fail.

    cheap: in a second or two, also with few examples · hangs: the fault shows by a test that never ends"""

    file: str
    old: str
    new: str
    tests: str
    cheap: bool = False
    hangs: bool = False


FAULTS: dict[str, Fault] = {
    "the intent is not durable before the request": Fault(
        "engine/shard.py",
        "        await self._history.record(job_id, intent)\n",
        "        self.jobs[job_id] = apply(self.jobs[job_id], intent)\n",
        KILLED,
    ),
    "the fence does not look at the epoch": Fault(
        "ledger/sqlite.py", "WHERE name = ? AND epoch = ?", "WHERE name = ? AND epoch >= ? - 1000000", FROZEN
    ),
    "a lost create is taken as not made": Fault(
        "meaning/conclude.py", 'verdict = "doubt" if lost else verdict', "verdict = verdict", f"{SHAPES} {KILLED}"
    ),
    "a refused repeat forgets the first create": Fault(
        "meaning/conclude.py",
        'if verdict == "doubt" or job.unsure else "planned"',
        'if verdict == "doubt" else "planned"',
        f"{SHAPES} {KILLED}",
    ),
    "no settle before a lookup": Fault(
        "meaning/conclude.py", "wait = max(wait, c.plan.policy.settle)", "pass", f"{KILLED} {FROZEN}"
    ),
    "an old intent is sent": Fault("engine/shard.py", "> too_old(c.plan, ex)", "> 1e9", FROZEN),
    "nothing is retracted": Fault(
        "meaning/ending.py", '"retracting" if job.touched and c.tools.retracts else then', "then", f"{CRASH}"
    ),
    "the destination forgets the epoch of a retract": Fault(
        "testing/destinations.py",
        "        if epoch < self._epochs.get(key.job, 0):",
        "        if False:",
        ENGINE + "test_engine.py::test_the_destination_does_not_listen_to_a_zombie_after_a_retract",
        cheap=True,
    ),
    "a new attempt after a delivered part without retract": Fault(
        "meaning/ending.py",
        "        return job.targets.parts == 0\n",
        "        return True\n",
        CRASH + "::test_a_new_attempt_after_a_delivered_part_only_where_it_can_be_taken_back",
        cheap=True,
    ),
    "delivered bytes are written under a new name": Fault(
        "engine/bring.py",
        "PartKey(job.stream, job.id, job.attempt, i, part.part)",
        "PartKey(job.stream, job.id, job.attempt, i, part.part + 100 * job.seq)",
        KILLED,
    ),
    "a part is delivered before it is committed": Fault(
        "jobs/table.py", 'PartStored: "ahead"', 'PartStored: "loose"', f"{KILLED} {CRASH}"
    ),
    "a receipt on a pipe is believed": Fault(
        "engine/takeover.py",
        "if given is None or position > given:",
        "if False:",
        CRASH + "::test_over_a_pipe_the_committed_prefix_holds_each_record_once",
    ),
    "a state is said while a part is half out": Fault(
        "engine/haul.py",
        "        async with self._owner.door:\n            return",
        "        if True:\n            return",
        LAWS + "test_kill_points.py",
    ),
    "a synchronous slice goes on where it broke": Fault(
        "engine/shard.py",
        'if j.synchronous and j.phase == "fetching"',
        "if False",
        CRASH + "::test_a_broken_synchronous_slice_is_read_again_as_a_whole",
    ),
    "a lost part is not stored again": Fault(
        "jobs/job.py",
        "stored=(), next=t.stored[0].token, complete=False",
        "stored=(), complete=True",
        KILLED,
        hangs=True,
    ),
    "fresh links forget the receipts": Fault(
        "jobs/job.py", "every[i] = structs.replace(every[i], value=t.value)", "every[i] = t", f"{SHAPES} {KILLED}"
    ),
    "a cancel preempts what is in flight": Fault(
        "jobs/command.py", '_FINISH = frozenset(("creating", ', "_FINISH = frozenset((", CRASH
    ),
    "a slot is never given back": Fault(
        "engine/slots.py",
        "        self._taken[slot].discard(job.id)\n        while",
        "        while",
        ENGINE + "test_engine.py::test_slots_are_counted_from_phases_and_given_back",
        hangs=True,
    ),
    "busy never ends": Fault("meaning/conclude.py", "c.now - since >= most", "False", SHAPES, cheap=True),
    "a poll that fails too often ends the job": Fault(
        "meaning/ending.py",
        'case "poll" | "locate" if plan.poll is not None and',
        'case "poll" | "locate" if False and plan.poll is not None and',
        SHAPES,
        cheap=True,
    ),
    "a short body is taken": Fault(
        "engine/download.py",
        "        if total is not None and writing.offset != total:",
        "        if False:",
        f"{KILLED} {RESUME}",
    ),
    "everybody renews the token": Fault(
        "engine/tokens.py",
        "if held is not None and self._held.get(name) == held:",
        "if held is not None:",
        ENGINE + "test_engine.py::test_one_token_for_many_and_a_401_renews_it_once",
        cheap=True,
    ),
    "a token is used before it is kept": Fault(
        "engine/tokens.py",
        "            await self._ports.vault.hold(self._place(name), held)\n            self._take(name, held)\n",
        "            self._take(name, held)\n            await self._ports.vault.hold(self._place(name), held)\n",
        ENGINE + "test_tokens.py",
        cheap=True,
    ),
    "the rest of another place is taken": Fault(
        "engine/ranges.py",
        "int(got[1]) != offset:",
        "False:",
        RESUME + "::test_a_rest_fits_exactly",
        cheap=True,
    ),
    "the rest of another edition is taken": Fault(
        "engine/ranges.py",
        '"If-Range": validator}',
        '"If-Match": validator}',
        RESUME + "::test_only_a_strong_validator_asks_for_the_rest",
        cheap=True,
    ),
    "a whole body is put behind what is there": Fault(
        "engine/download.py",
        "            await writing.restart(mark_of(got.headers) if there else {})\n",
        "            pass\n",
        RESUME + "::test_the_bytes_are_those_of_one_edition_of_the_file",
        cheap=True,
    ),
    "every cut gives all tries anew": Fault(
        "meaning/conclude.py",
        "result.got > 0 and job.resumes",
        "job.resumes",
        RESUME + "::test_retries_begin_anew_only_by_progress_and_not_for_ever",
        cheap=True,
    ),
    "a download may go on for ever": Fault(
        "meaning/conclude.py",
        "result.got > 0 and job.resumes < c.plan.fetch.resumes",
        "result.got > 0",
        RESUME + "::test_retries_begin_anew_only_by_progress_and_not_for_ever",
        cheap=True,
    ),
    "one bad target stops its siblings": Fault(
        "meaning/parts.py",
        'verdict == "retry"\n',
        'verdict == "running"\n',
        RESUME + "::test_one_bad_target_does_not_hold_up_its_siblings",
        cheap=True,
    ),
    "a login page is taken for records": Fault("engine/bring.py", "        if instead:\n", "        if False:\n", ENGINE + "test_looks.py", cheap=True),
    "a seal is not bound to its place": Fault(
        "ledger/seal.py", "about.encode()", 'b""', LEDGER + "test_seal.py", cheap=True
    ),
    "a run that should not wait waits": Fault(
        "engine/shard.py",
        "left = self._no_wait and not job.cancel",
        "left = False and not job.cancel",
        ENGINE + "test_joints.py",
        cheap=True,
    ),
    "the pieces of a split job are lost": Fault(
        "engine/history.py", "for i, e in pieces]", "for i, e in []]", SHARD, cheap=True
    ),
    "long answers stay in the spool": Fault(
        "engine/takeover.py",
        "    return answers | spooled(before) | begun\n",
        "    return set()\n",
        SHARD + "::test_long_answers_are_read_back_also_after_a_kill",
    ),
    "a job of another question is taken": Fault(
        "engine/shard.py",
        'return hands is not None and job.asked in ("", hands.asked)',
        "return hands is not None",
        SHARD + "::test_jobs_of_another_question_are_left_alone_and_told",
        cheap=True,
    ),
    "a stop waits for the API for ever": Fault(
        "engine/shard.py",
        "        self._until = self.ports.clock.now() + within\n",
        "",
        SHARD + "::test_stop_aborts_what_it_can_and_ends_in_time",
    ),
    "an answer that was kept tells the ledger its body": Fault(
        "meaning/read.py",
        'return structs.replace(answer, body=b"") if answer.spooled else answer',
        "return answer",
        SHARD + "::test_long_answers_are_read_back_also_after_a_kill",
        cheap=True,
    ),
}  # fmt: skip


def survives(name: str, runs: int, seconds: float) -> str:
    """caught, SURVIVES, NOT PLANTED, NOT RUN or NOT DECIDED."""
    fault = FAULTS[name]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        leave_out = shutil.ignore_patterns("__pycache__", ".*")
        for part in ("src", "tests"):
            shutil.copytree(ROOT / part, copy / part, ignore=leave_out)
        shutil.copy(ROOT / "pyproject.toml", copy)
        with (copy / "tests/conftest.py").open("a") as conftest:
            conftest.write(UNSHRUNK)
        file = copy / "src/jobstream" / fault.file
        text = file.read_text()
        if fault.old not in text:
            return "NOT PLANTED"
        file.write_text(text.replace(fault.old, fault.new))
        env = os.environ | {"RUNS": str(runs), "WALKS": "100", "CHANCES": "3000", "PYTHONDONTWRITEBYTECODE": "1",
                            "PYTHONPATH": str(copy / "src")}  # fmt: skip
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-p", "no:randomly",
                   "--hypothesis-seed=0", *fault.tests.split()]  # fmt: skip
        try:
            got = subprocess.run(
                command, cwd=copy, env=env, capture_output=True, timeout=60.0 if fault.hangs else seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return "caught (hangs)" if fault.hangs else "NOT DECIDED: it took too long"
        if got.returncode not in (0, 1):
            return "NOT RUN: " + got.stdout.decode()[-500:]
    return "SURVIVES" if got.returncode == 0 else "caught"


def main(words: list[str]) -> int:
    cheap = "--cheap" in words
    words = [w for w in words if w != "--cheap"]
    chosen = [n for n, f in FAULTS.items() if (f.cheap or not cheap) and (not words or any(w in n for w in words))]
    failed = 0
    for name in chosen:
        got = survives(name, 150, 240.0)
        failed += not got.startswith("caught")
        print(f"{got:15} {name}", flush=True)
    print(f"{len(chosen) - failed} of {len(chosen)} caught")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
