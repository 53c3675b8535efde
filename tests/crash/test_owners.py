"""Two processes and one source."""

from __future__ import annotations

import signal

import pytest

from crash_scene import MakeScene, Scene, until


def polled(s: Scene) -> bool:
    return s.api.report(brief=True).requests.get("poll", 0) > 0


def test_a_second_process_is_refused_and_disturbs_nothing(scene: MakeScene) -> None:
    s = scene("keyed", parts=("a",), job_seconds=2.0)
    first = s.start()
    until(lambda: polled(s), "polled")
    assert s.run() == 3
    said = s.children[-1].said()
    assert str(first.pid) in said, said
    assert "--project" in said
    assert s.run(words=["jobs", "collect", "--to", str(s.out), *s.project]) == 3
    assert s.nursery.ended(first) == 0
    s.whole()
    assert s.api.report(brief=True).n_jobs == 1


@pytest.mark.parametrize("moment", ["polling", "downloading"])
def test_a_frozen_process_that_wakes_beside_a_new_owner_does_nothing_twice(scene: MakeScene, moment: str) -> None:
    """Its lock was taken away (a cleaned folder, a file system without locks): only ledger and destination hold it off."""
    faults = ["slow-drip=4000,times=2"] if moment == "downloading" else []
    s = scene("keyed", parts=("a", "b"), job_seconds=1.0 if moment == "polling" else 0.0, faults=faults)
    old = s.start()
    until(lambda: polled(s) if moment == "polling" else s.api.report(brief=True).requests.get("download", 0) > 0, "there")
    old.signal(signal.SIGSTOP)
    for lock in (s.here / ".jobstream" / "locks").iterdir():
        lock.unlink()
    new = s.start()
    code = s.nursery.ended(new)
    old.signal(signal.SIGCONT)
    late = s.nursery.ended(old)
    assert code == 0, new.said()
    assert late == 3, old.said()
    assert "another process has taken this over" in old.said()
    assert "jobstream itself" not in old.said(), old.said()
    s.whole()
    seen = s.api.report(brief=True)
    assert (seen.n_jobs, seen.cancels) == (2, 0)


def test_a_frozen_process_that_wakes_while_the_new_owner_works(scene: MakeScene) -> None:
    s = scene("keyed", parts=("a", "b"), job_seconds=2.5)
    old = s.start()
    until(lambda: polled(s), "polled")
    old.signal(signal.SIGSTOP)
    for lock in (s.here / ".jobstream" / "locks").iterdir():
        lock.unlink()
    new = s.start()
    before = s.api.report(brief=True).requests["poll"]
    until(lambda: s.api.report(brief=True).requests["poll"] > before, new.said())
    old.signal(signal.SIGCONT)
    assert s.nursery.ended(old) == 3, old.said()
    assert s.nursery.ended(new) == 0, new.said()
    s.whole()
    assert s.api.report(brief=True).n_jobs == 2
