"""Two processes and one source."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from crash_scene import MakeScene, Scene, freeze, until
from jobstream.errors import KeepingError
from jobstream.jobs.event import Planned, Slice
from jobstream.ledger.sqlite import SqliteLedger
from jobstream.ports import Entry


def polled(s: Scene) -> bool:
    return s.api.report(brief=True).requests.get("poll", 0) > 0


def test_a_second_process_is_refused_and_disturbs_nothing(scene: MakeScene) -> None:
    s = scene("keyed", parts=("a",), job_seconds=60.0)
    first = s.start()
    until(lambda: polled(s), "polled")
    assert s.run() == 3
    said = s.children[-1].said()
    assert str(first.pid) in said, said
    assert "--project" in said
    assert s.run(words=["jobs", "collect", "--to", str(s.out), *s.project]) == 3
    s.api.finish()
    assert s.nursery.ended(first) == 0
    s.whole()
    assert s.api.report(brief=True).n_jobs == 1


@pytest.mark.parametrize("moment", ["polling", "downloading"])
def test_a_frozen_process_that_wakes_beside_a_new_owner_does_nothing_twice(scene: MakeScene, moment: str) -> None:
    """Its lock was taken away (a cleaned folder, a file system without locks): only ledger and destination hold it off."""
    faults = ["slow-drip=4000,times=2"] if moment == "downloading" else []
    s = scene("keyed", parts=("a", "b"), job_seconds=60.0 if moment == "polling" else 0.0, faults=faults)
    old = s.start()
    until(lambda: polled(s) if moment == "polling" else s.api.report(brief=True).requests.get("download", 0) > 0, "there")
    freeze(s, old)
    for lock in (s.here / ".jobstream" / "locks").iterdir():
        lock.unlink()
    s.api.finish()
    new = s.start()
    code = s.nursery.ended(new)
    old.signal(signal.SIGCONT)
    late = s.nursery.ended(old)
    assert code == 0, new.said()
    assert late in ((3,) if moment == "polling" else (1, 3)), old.said()  # 1: its spool file is gone
    assert "jobstream itself" not in old.said(), old.said()
    s.whole()
    seen = s.api.report(brief=True)
    assert (seen.n_jobs, seen.cancels) == (2, 0)


def test_a_frozen_process_that_wakes_while_the_new_owner_works(scene: MakeScene) -> None:
    s = scene("keyed", parts=("a", "b"), job_seconds=60.0)
    old = s.start()
    until(lambda: polled(s), "polled")
    freeze(s, old)
    for lock in (s.here / ".jobstream" / "locks").iterdir():
        lock.unlink()
    new = s.start()
    before = s.api.report(brief=True).requests["poll"]
    until(lambda: s.api.report(brief=True).requests["poll"] > before, new.said())
    old.signal(signal.SIGCONT)
    assert s.nursery.ended(old) == 3, old.said()
    s.api.finish()
    assert s.nursery.ended(new) == 0, new.said()
    s.whole()
    assert s.api.report(brief=True).n_jobs == 2


async def test_a_full_disk_is_told_by_the_ledger(tmp_path: Path) -> None:
    path = str(tmp_path / "ledger.db")
    ledger = SqliteLedger(path)
    try:
        epoch = await ledger.claim("s", "me")
        [pages] = ledger._db.execute("PRAGMA page_count").fetchone()
        ledger._db.execute(f"PRAGMA max_page_count={pages}")
        born = [
            Entry(f"r.{n}", 1, Planned(at=1.0, to="planned", stream="contacts", slice=Slice(), key=f"k{n}")) for n in range(500)
        ]
        with pytest.raises(KeepingError, match="full"):
            await ledger.append("s", epoch, born, [])
        ledger._db.execute("PRAGMA max_page_count=1000000")
        assert await ledger.append("s", epoch, born, []) == 500, "nothing of the first try is there"
    finally:
        ledger.close()
