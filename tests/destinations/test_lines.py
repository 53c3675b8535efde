"""Lines by Arrow are lines by rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobstream.records import lines
from jobstream.records.batch import Batch
from jobstream.records.lines import plain_lines, record_lines, without_nulls

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KINDS: list[tuple[st.SearchStrategy[Any], pa.DataType]] = [
    (TEXT, pa.string()), (st.integers(-(1 << 63), (1 << 63) - 1), pa.int64()), (st.booleans(), pa.bool_()),
    (st.floats(allow_nan=False, allow_infinity=False), pa.float64()), (st.nothing(), pa.null()),
    (st.integers(0, 255), pa.uint8()), (st.lists(st.integers(0, 5), max_size=2), pa.list_(pa.int64())),
    (st.floats(), pa.float64()),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True, params=["by Arrow", "as it comes"])
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    """A few cells are written by rows; here they go both ways."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "by Arrow":
            patch.setattr(lines, "_FEW", -1)
        yield


@st.composite
def batches(draw: st.DrawFn) -> pa.RecordBatch:
    n = draw(st.integers(1, 6))
    names = draw(st.lists(TEXT, min_size=1, max_size=5, unique=True))
    arrays = []
    for _ in names:
        values, kind = draw(st.sampled_from(KINDS))
        value = st.none() if kind == pa.null() else st.none() | values if draw(st.booleans()) else values
        arrays.append(pa.array(draw(st.lists(value, min_size=n, max_size=n)), kind))
    whole = pa.RecordBatch.from_arrays(arrays, names=names)
    start = draw(st.integers(0, n - 1))
    return whole.slice(start, draw(st.integers(1, n - start)))


def said(lines: bytes | memoryview) -> list[Any]:
    raw = bytes(lines)
    assert raw.endswith(b"\n")
    return [json.loads(line) for line in raw.decode().split("\n")[:-1]]


def exact(value: Any) -> Any:
    """1 and 1.0, 0.0 and -0.0 are not the same."""
    return repr(value)


@settings(deadline=None, max_examples=120)
@given(batches())
def test_plain_lines_of_columns_are_those_of_rows(columns: pa.RecordBatch) -> None:
    assert exact(said(plain_lines(Batch(columns)))) == exact(said(plain_lines(Batch(columns.to_pylist()))))


@settings(deadline=None, max_examples=120)
@given(batches(), TEXT)
def test_record_lines_of_columns_are_those_of_rows(columns: pa.RecordBatch, stream: str) -> None:
    by_columns, by_rows = (said(record_lines(Batch(b), stream, 7)) for b in (columns, columns.to_pylist()))
    assert exact(by_columns) == exact(by_rows)
    if "inf" not in repr(columns.to_pylist()) and "nan" not in repr(columns.to_pylist()):  # which JSON does not have
        assert [m["record"]["data"] for m in by_columns] == [without_nulls(r) for r in said(plain_lines(Batch(columns)))]


@settings(deadline=None)
@given(st.lists(st.dictionaries(TEXT, TEXT, min_size=1, max_size=3), min_size=1, max_size=5))
def test_text_has_the_very_same_bytes_by_either_way(rows: list[dict[str, str]]) -> None:
    names = sorted({k for r in rows for k in r})
    full = [{k: r.get(k, "") for k in names} for r in rows]
    columns = pa.RecordBatch.from_pylist(full, schema=pa.schema([(k, pa.string()) for k in names]))

    assert bytes(plain_lines(Batch(columns))) == bytes(plain_lines(Batch(full)))
    assert bytes(record_lines(Batch(columns), 's\n"ü', 1)) == bytes(record_lines(Batch(full), 's\n"ü', 1))


def test_a_record_line_has_this_form() -> None:
    columns = pa.record_batch({"id": ["1", "2"], "name": pa.array([None, 'a"b\n'], pa.string()), "n": [5, None]})

    assert bytes(record_lines(Batch(columns), "contacts", 1700000000000)) == (
        b'{"type":"RECORD","record":{"stream":"contacts","emitted_at":1700000000000,"data":{"id":"1","n":5}}}\n'
        b'{"type":"RECORD","record":{"stream":"contacts","emitted_at":1700000000000,"data":{"id":"2","name":"a\\"b\\n"}}}\n'
    )


def test_only_the_nulls_at_the_top_of_a_record_are_left_out() -> None:
    line = said(record_lines(Batch([{"a": None, "b": {"c": None}, "d": [None]}]), "s", 1))[0]
    assert line["record"]["data"] == {"b": {"c": None}, "d": [None]}


def test_names_that_repeat_and_columns_too_large_go_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = pa.RecordBatch.from_arrays([pa.array(["1"]), pa.array(["2"])], names=["a", "a"])
    assert bytes(plain_lines(Batch(twice))) == b'{"a":"2"}\n'

    monkeypatch.setattr("jobstream.records.lines._MOST", 1)
    assert bytes(plain_lines(Batch(pa.record_batch({"a": ["12"]})))) == b'{"a":"12"}\n'


def test_no_rows_are_no_lines() -> None:
    empty = pa.record_batch({"a": pa.array([], pa.string())})
    assert bytes(plain_lines(Batch(empty))) == bytes(record_lines(Batch([]), "s", 1)) == b""
