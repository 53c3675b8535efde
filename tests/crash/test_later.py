"""`--no-wait`, and the results taken by another process."""

from __future__ import annotations

import pytest

from crash_scene import KILLED, MakeScene


@pytest.mark.parametrize("taker", ["collect", "run"])
def test_what_was_created_without_waiting_is_taken_later(scene: MakeScene, taker: str) -> None:
    s = scene("bare", job_seconds=1.0)
    assert s.run("--no-wait") == 0, s.children[-1].said()
    assert s.api.report(brief=True).n_jobs == 3
    assert s.records().total() == 0
    s.api.finish()
    words = ["jobs", "collect", "--to", str(s.out), "--json", *s.project] if taker == "collect" else s.words()
    assert s.run(words=words) == 0, s.children[-1].said()
    s.whole()
    assert s.api.report(brief=True).n_jobs == 3


def test_collect_asks_for_nothing_new_and_survives_kills(scene: MakeScene) -> None:
    s = scene("keyed", slots=2)
    assert s.run("--no-wait", kill=("after", 1)) == KILLED
    assert s.run("--no-wait") == 0, s.children[-1].said()
    collect = ["jobs", "collect", "--to", str(s.out), "--json", *s.project]
    assert s.run(words=collect, kill=("named", 1)) == KILLED
    for _ in range(3):
        if s.run(words=collect) == 0:
            break
    s.whole()
    assert s.api.report(brief=True).n_jobs == 3


def test_a_collect_with_nothing_to_collect_says_so(scene: MakeScene) -> None:
    s = scene("keyed", parts=("a",))
    assert s.run() == 0
    assert s.run(words=["jobs", "collect", "--to", str(s.out), *s.project]) == 0
    assert "no live job" in s.children[-1].said()
    assert s.api.report(brief=True).n_jobs == 1


def test_a_run_after_a_run_makes_new_jobs_and_replaces_the_old_files(scene: MakeScene) -> None:
    s = scene("keyed", parts=("a",))
    s.goes_on()
    s.goes_on()
    s.whole()
    assert s.api.report(brief=True).n_jobs == 2
