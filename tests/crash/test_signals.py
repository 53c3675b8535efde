"""Ctrl-C and SIGTERM: an orderly end in each phase, and nothing left running that is not told."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from crash_scene import MakeScene, Scene, until

INT, TERM = signal.SIGINT, signal.SIGTERM
SLOW = "slow-drip=1500"
#: what holds a run in a phase, and how the API knows that it is there
PHASES: dict[str, tuple[list[str], str]] = {
    "creating": (["latency=1.5,on=create", "never-done"], "in_flight"),
    "running": (["never-done"], "poll"),
    "fetching": ([SLOW], "download"),
}


def reached(s: Scene, sign: str) -> bool:
    seen = s.api.report(brief=True)
    return seen.in_flight > 0 if sign == "in_flight" else seen.requests.get(sign, 0) >= len(s.parts)


def stopped(s: Scene, which: int, sign: str) -> int:
    child = s.start()
    until(lambda: reached(s, sign), child.said())
    child.signal(which)
    return s.nursery.ended(child, within=25)


@pytest.mark.parametrize(
    ("phase", "abort", "which"),
    [("creating", True, INT), ("running", True, TERM), ("fetching", True, INT), ("creating", False, TERM), ("running", False, INT),
     ("fetching", False, TERM)],
)  # fmt: skip
def test_a_signal_ends_the_run_and_the_remote_jobs(scene: MakeScene, phase: str, abort: bool, which: int) -> None:
    faults, sign = PHASES[phase]
    s = scene("keyed", parts=("a", "b"), abort=abort, faults=faults)
    assert stopped(s, which, sign) == (130 if which == INT else 143), s.children[-1].said()
    seen = s.api.report()
    listed = s.jobs("list")
    assert {j["phase"] for j in listed} <= {"cancelled"}, listed
    assert s.records().total() == 0, "what was cancelled leaves nothing behind"
    running = {j.id for j in seen.jobs if j.status == "pending"}
    told: dict[str, Any] = {j["api_id"]: j for j in s.jobs("orphans")}
    assert running <= told.keys(), "a remote job runs on, and nobody says so"
    if abort and phase != "fetching":
        assert not running
        assert {j.status for j in seen.jobs} == {"cancelled"}


def test_what_cannot_be_aborted_because_it_is_over_is_told_at_once(scene: MakeScene) -> None:
    """409 is an answer, not a reason to ask again."""
    s = scene("keyed", parts=("a",), abort=True, faults=["latency=1,on=create"])
    assert stopped(s, TERM, "in_flight") == 143
    assert s.api.report(brief=True).cancels == 1
    assert [j["phase"] for j in s.jobs("orphans")] == ["cancelled"]


def test_the_remote_jobs_of_a_cancelled_download_are_done_and_no_orphans(scene: MakeScene) -> None:
    s = scene("keyed", parts=("a",), abort=True, faults=[SLOW])
    stopped(s, TERM, "download")
    assert s.jobs("orphans") == []
    assert s.api.report(brief=True).cancels == 0


def test_a_second_signal_ends_at_once_and_the_next_run_goes_on(scene: MakeScene) -> None:
    s = scene("keyed", parts=("a",), abort=True, faults=["never-done,times=1", "hang,on=cancel,times=1"])
    child = s.start()
    until(lambda: reached(s, "poll"), "polled")
    child.signal(TERM)
    until(lambda: s.api.report(brief=True).requests.get("cancel", 0) > 0, "abort sent")
    child.signal(TERM)
    assert s.nursery.ended(child, within=10) == 130
    assert "jobstream itself" not in child.said()
    s.run()  # ends what was being ended
    assert {j["phase"] for j in s.jobs("list")} <= {"cancelled", "done"}


def test_a_killed_run_is_cancelled_later_from_another_process(scene: MakeScene) -> None:
    """`jobs cancel --now`: the plan and config that made the job abort it."""
    s = scene("keyed", parts=("a",), abort=True, faults=["never-done"])
    child = s.start()
    until(lambda: reached(s, "poll"), "polled")
    child.signal(9)
    s.nursery.ended(child)
    [job] = s.jobs("list", "--live")
    assert s.run(words=["jobs", "cancel", job["id"], "--now", *s.project]) == 0, s.children[-1].said()
    assert [j.status for j in s.api.report().jobs] == ["cancelled"]
    assert s.jobs("list", "--live") == []


def test_a_cancel_from_another_process_is_obeyed_by_the_run(scene: MakeScene) -> None:
    s = scene("keyed", parts=("a", "b"), abort=True, faults=["never-done,job=1"])
    child = s.start()
    until(lambda: reached(s, "poll"), "polled")
    until(lambda: any(j["phase"] == "done" for j in s.jobs("list")), "the other is done")
    [job] = s.jobs("list", "--live")
    assert s.run(words=["jobs", "cancel", job["id"], *s.project]) == 0
    assert s.nursery.ended(child) == 1
    assert sorted(j.status for j in s.api.report().jobs) == ["cancelled", "ready"]
