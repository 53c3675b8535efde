"""What goes to standard output: whole lines, in order, and what the reader's going away means."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from jobstream.destinations.airbyte import Airbyte, Log
from jobstream.destinations.catalog import FORMS, PIPES, open_destination
from jobstream.destinations.pipe import Pipe, ReaderGone
from jobstream.destinations.stdout import Stdout
from jobstream.dialects.airbyte.states import Speech
from jobstream.errors import Defect, KeepingError, UsageError
from jobstream.kinds import Destination
from jobstream.records.batch import Batch, PartKey

KEY = PartKey("s", "j", 1, 0, 0)


class Reader:
    """A real pipe with a reader at its end."""

    def __init__(self) -> None:
        out, self._in = os.pipe()
        self._got: list[bytes] = []
        self._thread = threading.Thread(target=self._read, args=(out,))
        self._thread.start()
        self.pipe = Pipe(self._in)

    def _read(self, out: int) -> None:
        with os.fdopen(out, "rb") as f:
            self._got.append(f.read())

    def close(self) -> bytes:
        if self._thread.is_alive() or not self._got:
            os.close(self._in)
            self._thread.join()
        return self._got[0]

    def lines(self) -> list[Any]:
        raw = self.close()
        assert raw.endswith(b"\n") or not raw
        return [json.loads(x) for x in raw.split(b"\n")[:-1]]


@pytest.fixture
def reader() -> Iterator[Reader]:
    r = Reader()
    yield r
    r.close()


class Ticking:
    def __init__(self) -> None:
        self.at = 1_700_000_000.0

    def __call__(self) -> float:
        return self.at


def batch(*ids: str) -> Batch:
    return Batch(pa.record_batch({"id": list(ids)}))


def test_stdout_is_json_lines_and_its_receipt_is_lent(reader: Reader) -> None:
    there = open_destination("jsonl", "-", pipe=reader.pipe)
    assert isinstance(there, Stdout) and (there.receipts, there.retracts) == ("lent", False)

    assert there.write(KEY, 1, iter([batch("1", "2"), Batch([{"id": "3", "x": None}])])) == "3 records on standard output"
    there.checkpoint("s", None, 4)
    there.checkpoint("s", None, 3)
    there.checkpoint("t", None, 9)

    assert there.said == {"s": 4, "t": 9}
    assert reader.lines() == [{"id": "1"}, {"id": "2"}, {"id": "3", "x": None}]
    with pytest.raises(Defect):
        there.retract("s", "j", 1, 1)


def test_large_batches_of_many_threads_never_mix(reader: Reader) -> None:
    there = Stdout(reader.pipe)

    def write(name: str) -> None:
        there.write(KEY, 1, (batch(*[name * 2000] * 500) for _ in range(3)))

    threads = [threading.Thread(target=write, args=(n,)) for n in "abcd"]
    for t in threads:
        t.start()
    for t in threads:
        t.join()

    lines = reader.lines()
    assert len(lines) == 6000
    assert {m["id"] for m in lines} == {n * 2000 for n in "abcd"}


def test_a_pipe_that_does_not_block_is_waited_for(reader: Reader) -> None:
    os.set_blocking(reader._in, False)
    Stdout(reader.pipe).write(KEY, 1, iter([batch(*["x" * 1000] * 2000)]))
    assert len(reader.lines()) == 2000


def test_a_reader_who_goes_away_is_told_shortly() -> None:
    out, into = os.pipe()
    os.close(out)
    with pytest.raises(ReaderGone, match="standard output: the reader went away") as e:
        Stdout(Pipe(into)).write(KEY, 1, iter([batch("1")]))
    os.close(into)
    assert (e.value.exit_code, e.value.code) == (141, "keeping.reader_gone")


def test_head_ends_a_run_without_a_traceback() -> None:
    code = textwrap.dedent("""
        import sys
        from jobstream.destinations.catalog import open_destination
        from jobstream.destinations.pipe import ReaderGone
        from jobstream.records.batch import Batch, PartKey
        try:
            open_destination("jsonl", "-").write(PartKey("s", "j", 1, 0, 0), 1, (Batch([{"i": i}] * 1000) for i in range(10**6)))
        except ReaderGone as e:
            sys.exit(e.exit_code)
    """)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as p:
        assert p.stdout is not None and p.stderr is not None
        assert p.stdout.readline() == b'{"i":0}\n'
        p.stdout.close()
        assert p.stderr.read() == b""
        assert p.wait() == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_output_to_a_full_disk_is_a_fault_of_the_disk() -> None:
    handle = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(KeepingError, match="standard output: cannot write: no space left on device") as e:
        Pipe(handle).write(b"x\n")
    os.close(handle)
    assert not isinstance(e.value, ReaderGone)


def spoken(reader: Reader, now: Ticking | None = None) -> Airbyte:
    return cast(Airbyte, open_destination("airbyte", "-", pipe=reader.pipe, speaks=Speech(), now=now or Ticking()))


def kinds(lines: list[Any]) -> list[str]:
    def kind(m: Any) -> str:
        if m["type"] == "TRACE":
            return str(m["trace"]["stream_status"]["status"])
        return f"{m['type']} {m['record']['data']['id']}" if m["type"] == "RECORD" else str(m["type"])

    return [kind(m) for m in lines]


def test_a_stream_is_framed_and_a_state_follows_its_part(reader: Reader) -> None:
    there = spoken(reader)
    there.begin("s")
    there.write(KEY, 1, iter([batch("1"), batch("2")]))
    there.checkpoint("s", None, 3)
    there.write(KEY, 1, iter([batch("3")]))
    there.checkpoint("s", None, 5)
    there.checkpoint("s", None, 6)
    there.end("s", complete=True)
    there.begin("empty")
    there.end("empty", complete=False)

    lines = reader.lines()
    assert kinds(lines) == ["STARTED", "RUNNING", "RECORD 1", "RECORD 2", "STATE", "RECORD 3", "STATE", "STATE", "COMPLETE",
                            "STARTED", "INCOMPLETE"]  # fmt: skip
    states = [m["state"] for m in lines if m["type"] == "STATE"]
    assert [s["sourceStats"]["recordCount"] for s in states] == [2.0, 1.0, 0.0]
    assert [s["stream"]["stream_state"]["x-jobstream"]["position"] for s in states] == [3, 5, 6]
    assert {m["record"]["emitted_at"] for m in lines if m["type"] == "RECORD"} == {1_700_000_000_000}
    with pytest.raises(Defect):
        there.retract("s", "j", 1, 1)


def wide(n: int = 200) -> dict[str, Any]:
    return {f'{{"id":{i}}}': None for i in range(n)}


def test_states_of_many_partitions_are_said_now_and_then_and_at_the_end(reader: Reader) -> None:
    now = Ticking()
    there = spoken(reader, now)
    for n in range(5):
        there.write(KEY, 1, iter([batch(str(n))]))
        there.checkpoint("s", wide(), n)
        now.at += 20
    there.end("s", complete=True)

    lines = reader.lines()
    assert kinds(lines) == [
        "RUNNING",
        "RECORD 0",
        "STATE",
        "RECORD 1",
        "RECORD 2",
        "RECORD 3",
        "STATE",
        "RECORD 4",
        "STATE",
        "COMPLETE",
    ]
    states = [m["state"] for m in lines if m["type"] == "STATE"]
    assert [s["sourceStats"]["recordCount"] for s in states] == [1.0, 3.0, 1.0]
    assert [s["stream"]["stream_state"]["x-jobstream"]["position"] for s in states] == [0, 3, 4]


def test_a_state_that_was_held_back_is_dropped_when_lines_follow_that_it_does_not_cover(reader: Reader) -> None:
    there = spoken(reader)
    there.write(KEY, 1, iter([batch("0")]))
    there.checkpoint("s", wide(), 1)
    there.write(KEY, 1, iter([batch("1")]))
    there.checkpoint("s", wide(), 2)
    there.write(KEY, 1, iter([batch("2")]))  # and the part breaks: no state is said for it
    there.end("s", complete=False)

    assert kinds(reader.lines()) == ["RUNNING", "RECORD 0", "STATE", "RECORD 1", "RECORD 2", "INCOMPLETE"]


def test_logs_are_lines_of_the_same_pipe(reader: Reader) -> None:
    handler = Log(reader.pipe, Speech())
    logger = logging.Logger("x")
    logger.addHandler(handler)
    logger.warning("slow: %s", "x\ny")
    try:
        raise ValueError("bad")
    except ValueError:
        logger.exception("it broke")

    first, second = (m["log"] for m in reader.lines())
    assert first == {"level": "WARN", "message": "slow: x\ny"}
    assert second["level"] == "ERROR" and "ValueError: bad" in second["stack_trace"]


def test_a_log_without_reader_is_silent() -> None:
    out, into = os.pipe()
    os.close(out)
    logger = logging.Logger("x")
    logger.addHandler(Log(Pipe(into), Speech()))
    logger.warning("nobody")
    logger.warning("hears")
    os.close(into)


@pytest.mark.parametrize(("format", "to", "says"), [
    ("parque", "out", "did you mean 'parquet'"), ("zzz", "out", "known: airbyte, csv"), ("parquet", "-", "parquet goes to a folder"),
    ("airbyte", "out", "goes to standard output"), ("airbyte", "-", "jobstream read"),
])  # fmt: skip
def test_a_destination_that_cannot_be_is_told(format: str, to: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        open_destination(format, to)


def test_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="known: compression, group_rows, group_bytes"):
        open_destination("parquet", str(tmp_path), options={"compresion": "zstd"})
    with pytest.raises(UsageError, match="has no options"):
        open_destination("jsonl", "-", options={"x": 1})


def test_every_line_of_the_catalog_is_a_destination_and_nothing_heavy_is_imported_for_it(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import sys
        from jobstream.destinations.catalog import open_destination
        open_destination("parquet", sys.argv[1]); open_destination("csv", sys.argv[1]); open_destination("jsonl", "-")
        print([m for m in ("pyarrow", "aiohttp", "jinja2", "rich") if m in sys.modules])
    """)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    got = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, env=env, check=True)
    assert got.stdout == b"[]\n"
    assert set(FORMS) | set(PIPES) == {"jsonl", "csv", "parquet", "stdout", "airbyte"}
    there: Destination = open_destination("jsonl", str(tmp_path))
    there.checkpoint("s", {"x": 1}, 1)
    assert not list(tmp_path.iterdir())
