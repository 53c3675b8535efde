"""Standard output: what docs/delivery.md promises of a pipe."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from crash_scene import KILLED, Kill, MakeScene, Scene, lines


def written(s: Scene) -> list[Counter[tuple[str, ...]]]:
    """Of each command, in order."""
    return [Counter(tuple(r.values()) for r in lines(c.out)) for c in s.children if c.out.exists()]


@pytest.mark.parametrize("deaths", [(("after", 2),), (("flow", 1),), (("before", 7), ("after", 5))], ids=str)
def test_killed_over_a_pipe_the_run_that_ended_has_everything(scene: MakeScene, deaths: tuple[Kill, ...]) -> None:
    """At least once over all; exactly once in the run that came to its own end, for nothing was kept of those that did not."""
    s = scene("keyed", form="-")
    s.killed(*deaths)
    assert written(s)[-1] == s.expected()
    assert s.api.report(brief=True).n_jobs == 3
    files = [f.downloads for j in s.api.report().jobs for f in j.files]
    assert len(files) == 6


def test_runs_that_end_say_each_record_once(scene: MakeScene) -> None:
    s = scene("keyed", form="-", parts=("a",))
    assert s.run() == 0
    assert s.run() == 0
    assert written(s) == [s.expected(), s.expected()]  # a full read each time: another remote job
    assert s.api.report(brief=True).n_jobs == 2


def test_a_failed_slice_does_not_make_the_others_come_again(scene: MakeScene) -> None:
    """The first run ends by itself with one slice failed: what it wrote is written."""
    s = scene("keyed", form="-", parts=("a", "b"), faults=["failed,job=1"])
    assert s.run("--attempts", "1") == 1
    s.api.set_faults()
    first = written(s)[0]
    assert first.total() == s.expected().total() // 2
    assert s.run() == 0


def test_a_reader_that_goes_away_ends_the_run_and_loses_nothing(scene: MakeScene) -> None:
    s = scene("keyed", form="-", parts=("a",), rows=4000)
    command = [sys.executable, "-m", "jobstream", *s.words()]
    child = subprocess.Popen(command, cwd=s.here, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None and child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    said = child.stderr.read().decode()
    child.stderr.close()
    assert child.wait(30) == 141, said
    assert "Traceback" not in said and "jobstream itself" not in said, said
    assert s.run() == 0
    assert written(s)[-1] == s.expected()
    assert s.api.report(brief=True).n_jobs == 1


def test_a_pipe_and_a_folder_do_not_mix(scene: MakeScene) -> None:
    """A run that was broken off after lines were written goes on over the pipe, not into a folder."""
    s = scene("keyed", form="-", parts=("a",))
    assert s.run(kill=("flow", 1)) == KILLED
    words = [*s.words()]
    words[words.index("-")] = str(s.out)
    if s.run(words=words) == 0:
        s.form = "jsonl"
        s.whole()
