"""Sealed values open where they were sealed, unchanged, and nowhere else."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobstream.errors import KeepingError
from jobstream.ledger.seal import AesSeal, NoSeal, seal_from
from jobstream.testing.destinations import Keyed
from jobstream.testing.fake_api import FakeApi
from jobstream.testing.world import Process, Shape, World

A, B = bytes(range(32)), bytes(range(1, 33))


PLACES = st.text("ab/é", max_size=20)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(plain=st.binary(max_size=300), about=PLACES, other=PLACES, at=st.integers(0, 10**6))
def test_a_value_opens_only_as_it_was_and_where_it_was(plain: bytes, about: str, other: str, at: int) -> None:
    seal = AesSeal(A)
    sealed = seal.seal(plain, about)
    assert (seal.open(sealed, about) == plain and plain not in sealed[17:]) or len(plain) < 4
    if other != about:
        with pytest.raises(KeepingError):
            seal.open(sealed, other)
    n = 1 + at % (len(sealed) - 1)
    with pytest.raises(KeepingError):
        seal.open(sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :], about)


def test_a_newer_key_seals_and_the_older_opens() -> None:
    old, both = AesSeal(A), AesSeal(A, B)
    assert both.open(old.seal(b"x", "p"), "p") == b"x"
    with pytest.raises(KeepingError, match="which is not here"):
        old.open(both.seal(b"x", "p"), "p")
    with pytest.raises(KeepingError, match="there is no key"):
        NoSeal().open(old.seal(b"x", "p"), "p")
    assert old.open(b'{"plain":1}', "p") == b'{"plain":1}', "what was never sealed"


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key"
    first = seal_from(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert seal_from(path).open(first.seal(b"x", "p"), "p") == b"x"
    assert [p.name for p in path.parent.iterdir()] == ["key"]
    path.write_text(path.read_text() + "zz\n")
    with pytest.raises(KeepingError, match="not hexadecimal"):
        seal_from(path)
    path.write_text("")
    with pytest.raises(KeepingError, match="empty"):
        seal_from(path)
    with pytest.raises(KeepingError, match="32 bytes, this one 3"):
        seal_from(path, b"abc")
    assert seal_from(path, A).open(AesSeal(A).seal(b"x", "p"), "p") == b"x"


def test_a_run_over_a_sealed_ledger_leaves_no_link_in_the_file_and_goes_on_after_a_kill() -> None:
    world = World(Shape(doubt="same_key"), FakeApi([], polls=1, files=2, dedupes=True), Keyed(True), seal=AesSeal(A))
    assert asyncio.run(world.run(2, 17)) is None
    raw = b"".join(p.read_bytes() for p in Path(world.path).parent.iterdir())
    assert b"api.test/jobs" not in raw and b"Planned" in raw
    jobs = asyncio.run(world.run(2, None))
    assert jobs is not None and {j.phase for j in jobs.values()} == {"done"} and len(world.api.jobs) == 2
    raw = b"".join(p.read_bytes() for p in Path(world.path).parent.iterdir())
    assert b"api.test/jobs" not in raw
    world.close()


def test_events_that_were_exchanged_are_found_out() -> None:
    world = World(Shape(), FakeApi([], polls=0, files=1), Keyed(True), seal=AesSeal(A))
    asyncio.run(world.run(2, None))
    db = sqlite3.connect(world.path)
    db.execute("""UPDATE event SET body = (SELECT body FROM event o WHERE o.job = 'j1' AND o.kind = 'Created')
      WHERE job = 'j0' AND kind = 'Created'""")  # fmt: skip
    db.commit()
    db.close()
    with pytest.raises(KeepingError, match="was changed"):
        asyncio.run(world.shard(Process(None)).run(()))
    world.close()
