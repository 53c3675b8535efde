"""Every keyed destination: twice is once, an attempt can be taken back, an older owner is refused, nothing is ever torn."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobstream.destinations.catalog import FORMS, open_destination
from jobstream.destinations.place import told
from jobstream.errors import KeepingError
from jobstream.kinds import Destination
from jobstream.ports import Fenced
from jobstream.records.batch import Batch, PartKey, Row
from jobstream.records.counts import DataFault

KEY = PartKey("s", "job1", 1, 0, 0)
ROWS: list[Row] = [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]


@pytest.fixture(params=sorted(FORMS))
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def there(form: str, tmp_path: Path) -> Destination:
    return open_destination(form, str(tmp_path))


def part(rows: list[Row] = ROWS, size: int = 1) -> Iterator[Batch]:
    return iter([Batch(rows[i : i + size]) for i in range(0, len(rows), size)])


def columns(rows: list[Row] = ROWS) -> Iterator[Batch]:
    return iter([Batch(pa.RecordBatch.from_pylist(rows))])


def seen(folder: Path) -> list[Path]:
    """The files that a reader of the folder finds."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith((".", "_")))


def read(file: Path) -> list[Row]:
    if file.suffix == ".parquet":
        return pq.ParquetFile(file).read().to_pylist()
    if file.suffix == ".csv":
        with file.open(newline="", encoding="utf-8") as f:
            return list(csv.DictReader(f))
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def everything(folder: Path) -> list[Row]:
    return [row for file in seen(folder) for row in read(file)]


def hidden(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*.half"))


@pytest.mark.parametrize("given", [part, columns])
def test_a_part_is_a_file_named_by_its_key(there: Destination, form: str, tmp_path: Path, given: Any) -> None:
    receipt = there.write(KEY, 1, given())

    assert [str(p.relative_to(tmp_path)) for p in seen(tmp_path)] == [f"s/job1.1.0.0.{form}"]
    assert everything(tmp_path) == ROWS
    assert receipt == f"2 records in s/job1.1.0.0.{form}"


def test_twice_is_once_and_the_second_time_is_read_to_its_end(there: Destination, tmp_path: Path) -> None:
    first = there.write(KEY, 1, part())
    before = seen(tmp_path)[0].read_bytes()
    again = part()

    assert there.write(KEY, 2, again) == first
    assert next(again, None) is None
    assert seen(tmp_path)[0].read_bytes() == before
    assert everything(tmp_path) == ROWS


def test_a_new_process_finds_what_the_old_one_wrote(there: Destination, form: str, tmp_path: Path) -> None:
    there.write(KEY, 1, part())

    assert open_destination(form, str(tmp_path)).write(KEY, 2, part()).startswith("2 records")
    assert everything(tmp_path) == ROWS


def test_an_attempt_is_taken_back_with_all_its_parts_and_nothing_else(there: Destination, form: str, tmp_path: Path) -> None:
    for job in ("job1", "job11", "job2"):
        for target in range(2):
            there.write(PartKey("s", job, 1, target, 0), 1, part())
    there.retract("s", "job1", 1, 1)
    there.write(PartKey("s", "job1", 2, 0, 0), 1, part())

    assert [p.stem for p in seen(tmp_path)] == ["job1.2.0.0", "job11.1.0.0", "job11.1.1.0", "job2.1.0.0", "job2.1.1.0"]
    there.retract("s", "never", 3, 9)
    there.retract("s", "job1", 1, 1)
    assert len(seen(tmp_path)) == 5


def test_an_older_owner_can_neither_write_nor_retract(there: Destination, form: str, tmp_path: Path) -> None:
    there.retract("s", "job1", 1, 5)
    for d in (there, open_destination(form, str(tmp_path))):
        with pytest.raises(Fenced):
            d.write(KEY, 4, part())
        with pytest.raises(Fenced):
            d.retract("s", "job1", 1, 4)
    there.write(PartKey("s", "job2", 1, 0, 0), 4, part())
    there.write(PartKey("s", "job1", 2, 0, 0), 5, part())

    assert [p.stem for p in seen(tmp_path)] == ["job1.2.0.0", "job2.1.0.0"]
    assert not hidden(tmp_path)


def test_a_zombie_in_the_middle_of_a_part_is_refused_when_it_ends(there: Destination, form: str, tmp_path: Path) -> None:
    owner = open_destination(form, str(tmp_path))

    def slow() -> Iterator[Batch]:
        yield Batch(ROWS)
        owner.retract("s", "job1", 1, 2)
        owner.write(PartKey("s", "job1", 2, 0, 0), 2, part())

    with pytest.raises(Fenced):
        there.write(KEY, 1, slow())
    assert [p.stem for p in seen(tmp_path)] == ["job1.2.0.0"]
    assert not hidden(tmp_path)


def test_two_writers_of_one_part_and_epoch_are_not_both_believed(there: Destination, form: str, tmp_path: Path) -> None:
    other = open_destination(form, str(tmp_path))

    def slow() -> Iterator[Batch]:
        yield Batch(ROWS)
        with pytest.raises(Fenced, match="another process is writing it"):
            other.write(KEY, 1, part([{"id": "9"}]))

    there.write(KEY, 1, slow())
    assert everything(tmp_path) == ROWS


def test_a_half_that_is_swept_before_it_is_locked_is_opened_again(
    there: Destination, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, struck = fcntl.flock, list[str]()

    def swept(file: Any, how: int) -> None:
        name = getattr(file, "name", None)
        if how & fcntl.LOCK_NB and not struck and name is not None:
            for half in tmp_path.rglob("*.half"):
                half.unlink()
                struck.append(half.name)
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", swept)
    there.write(KEY, 1, part())
    assert struck and everything(tmp_path) == ROWS


def test_a_part_without_records_leaves_no_file_and_has_a_receipt(there: Destination, tmp_path: Path) -> None:
    assert there.write(KEY, 1, iter(())) == "0 records, no file"
    assert not seen(tmp_path) and not hidden(tmp_path)


@pytest.mark.parametrize("fault", [DataFault("data.csv", "x"), OSError(5, "the spool's disk"), MemoryError()])
def test_a_part_that_breaks_half_way_leaves_nothing_and_its_fault_is_not_ours(
    there: Destination, tmp_path: Path, fault: Exception
) -> None:
    def broken() -> Iterator[Batch]:
        yield Batch(ROWS)
        raise fault

    with pytest.raises(type(fault)) as e:
        there.write(KEY, 1, broken())
    assert e.value is fault
    assert not seen(tmp_path) and not hidden(tmp_path)
    assert there.write(KEY, 1, part()).startswith("2 records")


def test_parts_written_at_once_do_not_disturb_each_other(there: Destination, tmp_path: Path) -> None:
    faults: list[BaseException] = []

    def write(target: int) -> None:
        try:
            for n in range(5):
                there.write(PartKey("s", "j", 1, target, n), 1, part([{"id": f"{target}.{n}", f"c{target}": target}]))
        except BaseException as e:
            faults.append(e)

    threads = [threading.Thread(target=write, args=(t,)) for t in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()

    assert not faults
    assert sorted(r["id"] for r in everything(tmp_path)) == sorted(f"{t}.{n}" for t in range(8) for n in range(5))


HOSTILE = ["..", ".", "", "a/b", "../../etc/passwd", "-rf", "con", "NUL", "a\\b", "a:b", "_x", ".x", "x.", "x ", "*", "%2E", "%",
           "a\x00b", "\n", "größe", "gro\u0308ße", "Страны", "国", "💥", "x" * 300, "x" * 299 + "y", "é" * 200, "s=1", "A", "ﬁ", "fi"]  # fmt: skip


def test_hostile_stream_names_stay_in_the_folder_and_apart(there: Destination, tmp_path: Path) -> None:
    for i, name in enumerate(HOSTILE):
        there.write(PartKey(name, "j", 1, 0, 0), 1, part([{"id": str(i)}]))

    folders = sorted(p for p in tmp_path.iterdir())
    assert len(folders) == len(HOSTILE) and len(seen(tmp_path)) == len(HOSTILE)
    assert {(f / ".stream").read_bytes().decode() for f in folders} == set(HOSTILE)
    assert not [f.name for f in folders if f.name.startswith((".", "_")) or len(f.name.encode()) > 200]


def test_a_hostile_job_name_is_still_taken_back_alone(there: Destination, tmp_path: Path) -> None:
    for job in ("a.1", "a", "a*", "[a]", "../a"):
        there.write(PartKey("s", job, 1, 0, 0), 1, part())
    there.retract("s", "a", 1, 1)
    assert len(seen(tmp_path)) == 4
    for job in ("a.1", "a*", "[a]", "../a"):
        there.retract("s", job, 1, 1)
    assert not seen(tmp_path)


def test_a_file_system_that_takes_two_names_for_one_is_noticed(there: Destination, tmp_path: Path) -> None:
    there.write(KEY, 1, part())
    (tmp_path / "s" / ".stream").write_bytes(b"S")

    with pytest.raises(KeepingError, match="belongs to stream 'S'"):
        open_destination("jsonl", str(tmp_path)).write(KEY, 1, part())


def child(code: str, *args: str, **more: Any) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), *args], env=env, stdout=subprocess.PIPE, **more)


WRITER = """
    import sys, time
    from jobstream.destinations.catalog import open_destination
    from jobstream.records.batch import Batch, PartKey
    there = open_destination(sys.argv[1], sys.argv[2])
    def slow():
        for i in range(20_000):
            yield Batch([{"id": f"{i:01000}"}])
            if i == 5_000:
                print("writing", flush=True)
                sys.stdin.read()
    there.write(PartKey("s", "job1", 1, 0, 0), 1, slow())
"""


def test_killed_while_it_writes_nothing_is_seen_and_the_next_owner_clears_up(form: str, tmp_path: Path) -> None:
    with child(WRITER, form, str(tmp_path), stdin=subprocess.PIPE) as p:
        assert p.stdout is not None
        assert p.stdout.readline() == b"writing\n"
        neighbour = open_destination(form, str(tmp_path))
        neighbour.write(PartKey("s", "job2", 1, 0, 0), 1, part())
        assert hidden(tmp_path), "the half of a living writer stays"
        p.send_signal(signal.SIGKILL)

    assert [x.stem for x in seen(tmp_path)] == ["job2.1.0.0"]
    after = open_destination(form, str(tmp_path))
    after.write(KEY, 2, part())
    assert not hidden(tmp_path)
    assert [x.stem for x in seen(tmp_path)] == ["job1.1.0.0", "job2.1.0.0"]


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from jobstream.destinations import files
    from jobstream.destinations.catalog import open_destination
    from jobstream.records.batch import Batch, PartKey
    point = sys.argv[3]
    def strike(*_):
        os.kill(os.getpid(), signal.SIGKILL)
    replace = Path.replace
    def at_name(self, target):
        final = not Path(target).name.startswith((".", "_"))
        if final and point == "before": strike()
        got = replace(self, target)
        if final and point == "after": strike()
        return got
    Path.replace = at_name
    open_destination(sys.argv[1], sys.argv[2]).write(PartKey("s", "job1", 1, 0, 0), 1, iter([Batch([{"id": "1", "name": "a"}, {"id": "2", "name": "b"}])]))
"""


@pytest.mark.parametrize("point", ["before", "after"])
def test_killed_around_the_naming_a_repeat_gives_each_record_once(form: str, tmp_path: Path, point: str) -> None:
    with child(KILLED, form, str(tmp_path), point) as p:
        assert p.wait() == -signal.SIGKILL
    assert everything(tmp_path) == (ROWS if point == "after" else [])

    assert open_destination(form, str(tmp_path)).write(KEY, 2, part()).startswith("2 records")
    assert everything(tmp_path) == ROWS
    assert not hidden(tmp_path)


FULL = """
    import resource, sys
    from jobstream.destinations.catalog import open_destination
    from jobstream.errors import KeepingError
    from jobstream.records.batch import Batch, PartKey
    there = open_destination(sys.argv[1], sys.argv[2])
    there.write(PartKey("s", "job0", 1, 0, 0), 1, iter([Batch([{"id": "0"}])]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    import random
    chance = random.Random(1)
    rows = [{"id": "%030x" % chance.getrandbits(120)} for _ in range(20_000)]
    try:
        there.write(PartKey("s", "job1", 1, 0, 0), 1, iter([Batch(rows[i:i + 100]) for i in range(0, 20_000, 100)]))
    except KeepingError as e:
        print(e)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_a_full_disk_is_told_in_words_and_nothing_is_torn(form: str, tmp_path: Path) -> None:
    with child(FULL, form, str(tmp_path), stderr=subprocess.PIPE) as p:
        out, err = p.communicate()

    assert b"cannot write: file too large" in out, (out, err)
    assert f"job1.1.0.0.{form}".encode() in out
    assert (p.returncode, err) == (0, b"")
    assert [x.stem for x in seen(tmp_path)] == ["job0.1.0.0"]
    assert not hidden(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_no_space_left_has_a_hint(tmp_path: Path) -> None:
    with pytest.raises(KeepingError, match=r"no space left on device.*make room") as e, told(tmp_path):
        Path("/dev/full").write_bytes(b"x")
    assert e.value.where == str(tmp_path)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_asked(form: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(KeepingError, match="cannot write"):
        open_destination(form, str(tmp_path / "file" / "out"))
