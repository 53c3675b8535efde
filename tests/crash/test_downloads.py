"""Killed while bytes come in, and while records go out."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from crash_scene import KILLED, MakeScene, Scene

ROWS = 40_000  # 5 MB of plain CSV: more than the spool holds in memory
MB = 1 << 20


def coming(s: Scene) -> int:
    """Bytes of unfinished bodies on the disk."""
    return sum(f.stat().st_size for f in (s.here / ".jobstream" / "spool").rglob("*.part"))


def until_coming(s: Scene, n: int) -> None:
    end = time.monotonic() + 30
    while coming(s) < n:
        assert time.monotonic() < end, s.children[-1].said()
        time.sleep(0.005)


@pytest.mark.seed("B52")
def test_a_download_that_was_killed_goes_on_at_its_byte(scene: MakeScene) -> None:
    s = scene("keyed", parts=(), files=1, rows=ROWS, gzip=False, faults=["slow-drip=4000000,times=1"])
    child = s.start()
    until_coming(s, 2 * MB)
    child.signal(9)
    assert s.nursery.ended(child) == KILLED
    there = coming(s)
    s.goes_on()
    s.whole()
    [job] = s.api.report().jobs
    [file] = job.files
    assert file.ranges == [f"bytes={there}-"]
    size = sum(len(",".join(r)) + 1 for r in s.expected()) + len(header())
    assert file.bytes <= size + 2 * MB + 4 * MB, "no more comes twice than was in memory and on the way"
    assert file.is_whole


def header() -> str:
    from jobstream.testing.practice import COLUMNS

    return ",".join(COLUMNS) + "\n"


def test_what_was_stored_before_the_kill_is_not_downloaded_again(scene: MakeScene) -> None:
    """Killed when the first part has been delivered: every file is asked for once, and the one that was not stored yet."""
    s = scene("keyed", parts=(), files=3)
    assert s.run(kill=("flow", 0)) == KILLED
    before = {f.file: f.downloads for j in s.api.report().jobs for f in j.files}
    stored = len(list((s.here / ".jobstream" / "spool").rglob("*.body*"))) or None
    s.goes_on()
    s.whole()
    after = {f.file: f.downloads for j in s.api.report().jobs for f in j.files}
    assert stored is None or sum(after.values()) <= 3 + len(before) - stored + 1


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_killed_during_a_delivery_no_half_file_is_seen(scene: MakeScene, form: str) -> None:
    s = scene("keyed", form=form, parts=(), files=2)
    assert s.run(kill=("flow", 0)) == KILLED
    seen = list(s.out.rglob("[!._]*.*"))
    s.goes_on()
    if form != "csv":
        s.whole()
    assert len(list(s.out.rglob(f"[!._]*.{form}"))) == 2
    assert all(f.exists() for f in seen)


def test_killed_between_the_name_and_the_ledger_the_part_is_not_written_again(scene: MakeScene) -> None:
    s = scene("keyed", parts=(), files=1)
    assert s.run(kill=("named", 0)) == KILLED
    [file] = s.out.rglob("[!._]*.jsonl")
    before = Path(file).stat()
    s.goes_on()
    s.whole()
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
