"""The Airbyte verb `read`, killed: the lines before the last STATE of each run, put together, hold each record once."""

from __future__ import annotations

import json
import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from crash_scene import KILLED, Kill, MakeScene, Scene, lines, until


@dataclass
class Platform:
    """What Airbyte does: keeps the records before the last STATE of each run, and hands that STATE to the next."""

    scene: Scene
    kept: Counter[tuple[str, ...]] = field(default_factory=Counter)
    state: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        stream = {"name": "contacts", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
        catalog = {"streams": [{"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}]}
        (self.scene.here / "catalog.json").write_text(json.dumps(catalog))

    @property
    def words(self) -> list[str]:
        given = []
        if self.state is not None:
            (self.scene.here / "state.json").write_text(json.dumps([self.state]))
            given = ["--state", "state.json"]
        return ["read", "--manifest-path", "manifest.yaml", "--config", "config.json", "--catalog", "catalog.json", *given,
                *self.scene.project]  # fmt: skip

    def read(self, kill: Kill | None = None, within: float | None = None) -> int:
        child = self.scene.start(words=self.words, kill=kill)
        code = self.scene.nursery.ended(child) if within is None else self.scene.nursery.ended(child, within, killing=True)
        self.take()
        return code

    def take(self) -> None:
        """Of the last command."""
        pending: Counter[tuple[str, ...]] = Counter()
        for message in lines(self.scene.children[-1].out):
            if message["type"] == "RECORD":
                pending[tuple(message["record"]["data"].values())] += 1
            elif message["type"] == "STATE":
                self.kept += pending
                pending, self.state = Counter(), message["state"]

    def sync(self, *deaths: Kill) -> None:
        """Until a read ends well."""
        for death in deaths:
            code = self.read(death)
            if code != KILLED:
                assert code == 0
                return
        for _ in range(3):
            if self.read() == 0:
                return
        raise AssertionError(self.scene.children[-1].out.read_text()[-2000:])


def judge(p: Platform) -> None:
    assert p.kept == p.scene.expected()
    assert p.scene.api.report(brief=True).n_jobs == len(p.scene.parts)


WALKS: dict[str, tuple[Kill, ...]] = {
    "in each phase": (("after", 1), ("before", 3), ("flow", 1), ("after", 2)),
    "between parts": (("after", 8), ("flow", 0), ("before", 2)),
}


@pytest.mark.parametrize("walk", WALKS)
def test_killed_again_and_again_the_platform_has_each_record_once(scene: MakeScene, walk: str) -> None:
    p = Platform(scene("keyed"))
    p.sync(*WALKS[walk])
    judge(p)


def test_a_platform_that_lost_the_last_state_gets_its_records_again(scene: MakeScene) -> None:
    """A STATE that was never taken covers nothing: what it would have covered comes again, from the spool, and no new job."""
    p = Platform(scene("keyed"))
    assert p.read(("after", 12)) in (KILLED, 0)
    p.kept.clear()
    p.state = None
    p.sync()
    judge(p)


def test_a_full_read_after_a_full_read_is_a_new_one(scene: MakeScene) -> None:
    p = Platform(scene("keyed", parts=("a",)))
    assert p.read() == 0
    first, p.kept = p.kept, Counter()
    assert p.read() == 0
    assert p.kept == first == p.scene.expected()
    assert p.scene.api.report(brief=True).n_jobs == 2


def test_sigterm_ends_a_read_in_order_and_the_next_one_is_whole(scene: MakeScene) -> None:
    s = scene("keyed", parts=("a", "b"), abort=True, faults=["never-done,job=2"])
    p = Platform(s)
    child = s.start(words=p.words)
    until(lambda: s.api.report(brief=True).requests.get("poll", 0) > 2, "polled")
    child.signal(signal.SIGTERM)
    assert s.nursery.ended(child, within=20) != 0
    p.take()
    messages = list(lines(child.out))
    assert [m for m in messages if m["type"] == "TRACE" and m["trace"]["type"] == "ERROR"], "no word about it"
    assert s.api.report(brief=True).cancels == 1
    s.api.set_faults()
    p.kept.clear()  # what was cancelled has ended: the next read is a new one, and whole
    p.sync()
    assert p.kept == s.expected()


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after", "flow"])
def test_killed_once_at_every_commit(scene: MakeScene, when: str) -> None:
    s = scene("keyed")
    for n in count():
        p = Platform(s)
        died = p.read((when, n)) == KILLED
        if died:
            p.sync()
        judge(p)
        if not died:
            return
        s.renew()


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(6))
def test_killed_from_outside_at_random_moments(scene: MakeScene, seed: int) -> None:
    chance = random.Random(seed)
    s = scene("keyed", job_seconds=0.3)
    for _ in range(6):
        p = Platform(s)
        for _ in range(chance.randrange(1, 7)):
            code = p.read(within=chance.random() * 1.5)
            if code != KILLED:
                assert code == 0
                break
        else:
            p.sync()
        judge(p)
        s.renew()
