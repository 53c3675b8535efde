"""JSON lines that nobody looks into are passed on as they came."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobstream.components.decoders.jsonl import Jsonl
from jobstream.records.batch import Batch, Lines
from jobstream.records.counts import DataFault, Tally
from jobstream.records.lines import plain_lines, record_lines
from jobstream.template.language import Scope


def read(raw: bytes, block: int = 1 << 16) -> list[Batch]:
    return list(Jsonl(block=block).decode(io.BytesIO(raw), Tally(), Scope({})))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=4), max_size=6),
    st.sampled_from([(",", ":"), (", ", ": ")]),
    st.booleans(),
)
def test_what_is_passed_on_is_what_was_read(rows: list[dict[str, object]], signs: tuple[str, str], ascii_only: bool) -> None:
    raw = "".join(json.dumps(r, separators=signs, ensure_ascii=ascii_only) + "\n" for r in rows).encode(
        "utf-8", "surrogatepass"
    )
    batches = read(raw)

    assert [r for b in batches for r in b.rows()] == rows
    assert [json.loads(x) for b in batches for x in bytes(plain_lines(b)).splitlines()] == rows
    told = [json.loads(x)["record"]["data"] for b in batches for x in bytes(record_lines(b, "s", 1)).splitlines()]
    assert told == [{k: v for k, v in r.items() if v is not None} for r in rows]


def test_good_lines_are_not_made() -> None:
    (batch,) = read(b'{"a":"1"}\n{"a":"2"}\n')

    assert isinstance(batch.data, Lines) and len(batch) == 2 and not batch.has_columns


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":\n1}{"b":2}\n',
        b'{"a":\n{}}{"b":2}\n',
        b'{"a":1}\n\n{"b":2}\n',
        b'{"a":1}{"b":2}\n\n',
        b'{"a":1}\r\n{"b":2}\r\n',
        b' {"a":1}\n{"b":2}\n',
    ],
)
def test_what_does_not_stand_one_on_a_line_is_never_passed_on(raw: bytes) -> None:
    try:
        batches = read(raw)
    except DataFault:
        return
    assert not any(isinstance(b.data, Lines) for b in batches)


@pytest.mark.parametrize(
    "raw", [b'{"a":"\xff"}\n', b'{"\xff":1}\n', b'{"a":"\xc3"}\n', b'{"a":01}\n', b'{"a":"\\x"}\n', b'{"a":1},\n']
)
def test_what_is_no_json_is_told(raw: bytes) -> None:
    with pytest.raises(DataFault):
        read(raw)
