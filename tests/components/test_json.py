"""JSON, short and long, reads the same; JSON lines read line by line; what is cut or malformed is an error."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobstream.components.decoders.json import JsonDocument
from jobstream.components.decoders.jsonl import Jsonl
from jobstream.records.counts import DataFault, Tally
from jobstream.template.language import Scope
from tries import Dribble, built, many, rows_of

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.just(10**30)
texts = st.text(st.sampled_from('ab"\\[]{},: é😀\n'), max_size=5)
values = st.recursive(st.none() | st.booleans() | numbers | texts, lambda v: st.lists(v, max_size=3) | st.dictionaries(texts, v, max_size=3), max_leaves=8)  # fmt: skip
layouts = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])


def long(raw: bytes, *path: str, block: int = 1, n: int = 3) -> list[Any]:
    """Streamed, however short it is."""
    return rows_of(JsonDocument(path=path, block=block), Dribble(raw, n))


def short(raw: bytes, *path: str) -> list[Any]:
    return rows_of(built("decoder", "json", path=list(path)), raw)


def fault(*args: Any, **options: Any) -> DataFault:
    with pytest.raises(DataFault) as caught:
        long(*args, **options)
    return caught.value


@many
@given(values, layouts, st.integers(1, 60), st.integers(1, 20))
def test_a_streamed_document_is_the_same_as_a_whole_one(value: Any, layout: Any, block: int, n: int) -> None:
    raw = json.dumps(value, **layout).encode()
    assert long(raw, block=block, n=n) == short(raw)
    assert short(raw) == (value if isinstance(value, list) else [] if value is None else [value])


@many
@given(
    values, st.dictionaries(texts, values, max_size=3), st.dictionaries(texts, values, max_size=3), layouts, st.integers(1, 60)
)
def test_items_are_found_at_a_path_whatever_lies_beside_it(
    value: Any, before: Any, after: Any, layout: Any, block: int
) -> None:
    inner = {**{k: v for k, v in before.items() if k != "x.y"}, "x.y": value, **{k: v for k, v in after.items() if k != "x.y"}}
    raw = json.dumps({"item": [1, {"x.y": [2]}], "a": inner, "z": "}"}, **layout).encode()
    assert long(raw, "a", "x.y", block=block) == short(raw, "a", "x.y")
    assert long(raw, "a", "nothing", block=block) == short(raw, "a", "nothing") == []
    assert long(raw, "z", "x", block=block) == short(raw, "z", "x") == []


@many
@given(st.lists(st.dictionaries(texts, values, min_size=1, max_size=3), min_size=1, max_size=6), layouts, st.data())
def test_a_cut_document_is_an_error(rows: Any, layout: Any, data: st.DataObject) -> None:
    raw = json.dumps({"a": rows}, **layout).encode()
    n = data.draw(st.integers(1, len(raw) - 1))
    assert fault(raw[:n], "a", block=1).code in ("data.json", "data.encoding")
    assert fault(raw[:n], block=1).code in ("data.json", "data.encoding")


@many
@given(st.text(st.sampled_from('[]{},:"1a \\tru'), max_size=12))
@example('[{"a":1}{"b":1}]')
@example("[1,]")
@example("[1 2]")
@example("  ")
def test_what_is_no_json_is_an_error_streamed_or_not(text: str) -> None:
    raw = text.encode()
    try:
        expected = short(raw)
    except DataFault:
        with pytest.raises(DataFault):
            long(raw, block=1)
    else:
        assert long(raw, block=1) == expected


@pytest.mark.parametrize("raw", [b'{"a":[1]} x', b'{"a":[1]}{', b'{"a":[1],}', b'{"a" [1]}', b'{"a":[1] "b":2}', b'{"a":[1 2]}', b'{1:2}', b'{"a":[1],"b":[', b'{"b":{"c":"', b'{"a":[1],"a":[2]}'])  # fmt: skip
def test_a_malformed_frame_round_the_items_is_an_error(raw: bytes) -> None:
    assert fault(raw, "a", block=1).code == "data.json"


def test_a_border_that_only_looks_like_one_is_not_taken_for_one() -> None:
    rows = [{"id": n, "in": [{"id": n, "t": '},{"id'}, {"id": n}]} for n in range(500)]
    for layout in ({}, {"indent": 2}, {"separators": (",", ":")}):
        assert long(json.dumps(rows, **layout).encode(), block=1000, n=700) == rows


def test_a_fault_deep_inside_a_long_list_shows_the_item() -> None:
    raw = b"[" + b",".join(b'{"id":%d}' % n for n in range(1000)) + b',{"id":x}]'
    assert 'id":x' in fault(raw, block=100).seen


def test_an_item_longer_than_the_limit_is_refused() -> None:
    raw = json.dumps([{"a": "x" * 5000}]).encode()
    with pytest.raises(DataFault, match="longer than 2048"):
        rows_of(JsonDocument(block=1024, longest=2048), raw)
    assert rows_of(JsonDocument(block=1024), raw) == [{"a": "x" * 5000}]
    skipped = json.dumps({"big": ["x" * 50] * 500 + [1] * 5000, "a": [1]}).encode()
    assert rows_of(JsonDocument(path=("a",), block=1024, longest=2048), skipped) == [1]


def test_nothing_is_no_document() -> None:
    for raw in (b"", b" \n", b"null", b"\xef\xbb\xbf"):
        assert short(raw) == []
    assert short(b'{"a":null}', "a") == long(b'{"a":null}', "a", block=1) == []
    assert long(b'{"a": {}}', "a", "b") == []


def test_nesting_that_would_break_the_parser_is_an_error() -> None:
    deep = b"[" * 100_000
    assert fault(deep, block=1 << 12, n=1 << 12).code == "data.json"
    with pytest.raises(DataFault):
        short(deep)
    with pytest.raises(DataFault):
        rows_of(Jsonl(), deep)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_marks_and_charsets_are_obeyed(encoding: str) -> None:
    raw = '[{"é": "😀"}]'.encode(encoding)
    assert short(raw) == long(raw) == [{"é": "😀"}]
    latin = Scope({"answer": lambda: {"headers": {"content-type": "application/json; charset=latin-1"}}})
    assert rows_of(JsonDocument(), '["é"]'.encode("latin-1"), names=latin) == ["é"]


# -- lines


@many
@given(st.lists(st.dictionaries(texts, values, max_size=3), max_size=6), st.sampled_from(["\n", "\r\n", "\n \n"]), st.booleans(),
       st.integers(1, 60))  # fmt: skip
def test_json_lines_read_line_by_line_at_any_block(rows: Any, ending: str, end: bool, block: int) -> None:
    raw = ending.join(json.dumps(r) for r in rows).encode() + (ending.encode() if end else b"")
    assert rows_of(Jsonl(block=block), Dribble(raw, block)) == rows


@pytest.mark.parametrize("bad", [b'{"a":1', b'"b":2},{"c":3}', b'{"a":1} x', b'{"a":1}{"b":2}', b"x"])
def test_a_line_that_is_no_json_stops_or_is_counted(bad: bytes) -> None:
    raw = b'{"n":1}\n' + bad + b'\n{"n":2}\n'
    with pytest.raises(DataFault) as caught:
        rows_of(Jsonl(), raw)
    assert repr(bad) in caught.value.seen
    tally = Tally()
    assert rows_of(Jsonl(bad_line="skip"), raw, tally) == [{"n": 1}, {"n": 2}]
    assert (tally.read, tally.bad) == (1, 1)
    assert repr(bad) in tally.first_bad


def test_a_line_of_broken_bytes_is_a_bad_line_and_not_the_end() -> None:
    raw = b'{"n":1}\n{"a":"\xff"}\n{"n":2}\n'
    assert rows_of(Jsonl(bad_line="skip"), raw) == [{"n": 1}, {"n": 2}]
    with pytest.raises(DataFault, match="xff"):
        rows_of(Jsonl(), raw)
    with pytest.raises(DataFault, match="byte 0xff at 14"):
        short(raw)


def test_a_record_over_two_lines_is_two_bad_lines() -> None:
    tally = Tally()
    assert rows_of(Jsonl(bad_line="skip"), b'{"a":1}\n{"b":\n2}\n', tally) == [{"a": 1}]
    assert tally.bad == 2


def test_a_cut_last_line_is_an_error() -> None:
    with pytest.raises(DataFault):
        rows_of(Jsonl(), b'{"a":1}\n{"a":2')


@pytest.mark.parametrize("line", [b"[1]", b"5", b'"x"', b"null"])
def test_a_line_that_is_no_object_stops_is_counted_or_is_kept(line: bytes) -> None:
    raw = b'{"n":1}\n' + line
    with pytest.raises(DataFault, match="no object"):
        rows_of(Jsonl(), raw)
    tally = Tally()
    assert rows_of(Jsonl(no_object="skip"), raw, tally) == [{"n": 1}]
    assert tally.bad == 1
    assert rows_of(Jsonl(no_object="keep"), raw) == [{"n": 1}, msgspec.json.decode(line)]


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(DataFault, match="longer than 2048"):
        rows_of(Jsonl(block=1024, longest=2048), b'{"a":"' + b"x" * 9999)
