"""Killed at commits to the ledger, before and after, and in deliveries; then given again: each record once, and no remote job more than the
way of creating allows."""

from __future__ import annotations

import random
from itertools import count
from typing import Any, NamedTuple

import pytest

from crash_scene import KILLED, Kill, MakeScene, Scene
from jobstream.testing.practice import Way


class How(NamedTuple):
    """way, extra: of the manifest · faults: of the API · askable: the API can be asked, so no second job is ever made"""

    way: Way
    askable: bool
    faults: tuple[str, ...] = ()


LOST = ("lost-create,times=3",)
HOW: dict[str, How] = {
    "keyed": How("keyed", askable=True),
    "listed": How("listed", askable=True),
    "bare": How("bare", askable=False),
    "keyed, answers lost": How("keyed", askable=True, faults=LOST),
    "listed, answers lost": How("listed", askable=True, faults=LOST),
    "losing": How("losing", askable=False),
}
#: each the deaths of one walk: intents, answers, statuses, parts stored, delivered, named
WALKS: dict[str, tuple[Kill, ...]] = {
    "early": (("before", 0), ("after", 1), ("before", 2), ("after", 3)),
    "late": (("before", 6), ("flow", 1), ("after", 4), ("named", 1), ("before", 3)),
}


def set_out(scene: MakeScene, how: How, **fields: Any) -> Scene:
    return scene(how.way, faults=list(how.faults), settle=2.0, **fields)


def judge(s: Scene, how: How) -> None:
    """What the destination holds, what the API saw, what the person is told."""
    s.whole()
    seen = s.api.report()
    told = s.report()
    assert told["left"] == []
    if how.askable:
        assert seen.n_jobs == len(s.parts), f"{seen.n_jobs} remote jobs"
        assert (seen.duplicates_by_key, seen.duplicates_by_ref) == ({}, {})
        assert told["orphans"] == 0
        assert s.jobs("orphans") == []
        return
    extra = seen.n_jobs - len(s.parts)
    assert extra <= told["orphans"], f"{extra} more remote jobs than slices, {told['orphans']} told"
    assert sum(j["orphans"] for j in s.jobs("orphans")) == told["orphans"]


@pytest.mark.seed("B40")
@pytest.mark.parametrize(
    ("how", "walk"),
    [("keyed", "early"), ("keyed", "late"), ("listed", "early"), ("listed", "late"), ("bare", "early"), ("bare", "late"),
     ("keyed, answers lost", "early"), ("listed, answers lost", "late"), ("losing", "early")],
)  # fmt: skip
def test_killed_again_and_again_each_record_comes_once(scene: MakeScene, how: str, walk: str) -> None:
    s = set_out(scene, HOW[how], form="parquet" if walk == "late" else "jsonl")
    s.killed(*WALKS[walk])
    judge(s, HOW[how])


def test_a_kill_between_intent_and_answer_may_cost_one_remote_job_where_nobody_can_be_asked_and_this_is_told(
    scene: MakeScene,
) -> None:
    """One job at a time: exactly one create is in doubt."""
    s = scene("bare", slots=1)
    assert s.run(kill=("before", 2)) == KILLED  # made, answered, not written down
    s.goes_on()
    s.whole()
    assert s.api.report(brief=True).n_jobs == len(s.parts) + 1
    assert (s.report()["orphans"], s.report()["doubtful"]) == (1, 1)


def test_parked_doubt_waits_for_a_person_who_says_what_became_of_it(scene: MakeScene) -> None:
    s = scene("bare", parts=(), extra={"doubt": "park"})
    assert s.run(kill=("before", 2)) == KILLED
    assert s.run() == 1
    assert s.report()["unsure"] == 1
    [job] = s.jobs("list")
    assert job["phase"] == "parked"
    [made] = s.api.report().jobs
    assert s.run(words=["jobs", "resolve", job["id"], "--found", made.id, *s.project]) == 0
    s.goes_on()
    s.whole()
    assert s.api.report(brief=True).n_jobs == 1


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after", "flow", "named"])
@pytest.mark.parametrize("how", HOW)
def test_killed_once_at_every_commit(scene: MakeScene, how: str, when: str) -> None:
    s = set_out(scene, HOW[how])
    for n in count():
        died = s.run(kill=(when, n)) == KILLED
        if died:
            s.goes_on()
        judge(s, HOW[how])
        if not died:
            assert n >= 6, "it was killed more seldom than there are parts"
            return
        s.renew()


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("how", HOW)
def test_killed_from_outside_at_random_moments(scene: MakeScene, how: str, seed: int) -> None:
    chance = random.Random(f"{how}/{seed}")
    s = set_out(scene, HOW[how], form=chance.choice(("jsonl", "parquet")), job_seconds=0.5)
    for _ in range(5):
        for _ in range(chance.randrange(1, 7)):
            child = s.start()
            code = s.nursery.ended(child, within=chance.random() * 1.5, killing=True)
            if code != KILLED:
                assert code == 0, child.said()
                break
        else:
            s.goes_on()
        judge(s, HOW[how])
        s.renew()
