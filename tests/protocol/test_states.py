"""States: ours are read by Airbyte, Airbyte's are read by us, and nothing is lost on the way there and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobstream.dialects.airbyte.states import (
    ANY,
    OURS,
    WHOLE,
    Given,
    Speech,
    Spoken,
    from_state,
    partition_key,
    read_states,
    to_state,
)
from jobstream.errors import DocumentError


class Days:
    """A cursor over one field: closed intervals, of which Airbyte sees the most recent value of the first."""

    def to_airbyte(self, state: Any) -> dict[str, Any]:
        closed = (state or {}).get("closed", [])
        return {"updated_at": closed[0][2] or closed[0][0]} if closed else {}

    def from_airbyte(self, said: dict[str, Any], less: float = 0.0) -> Any:
        value = said.get("updated_at")
        if value is not None and not isinstance(value, str):
            raise ValueError(f"'{value}' is no date")
        return {"closed": [["2024-01-01", value, value]]} if value else {}


PLAIN, NONE = Spoken(Days()), Spoken()
BY_LIST, BY_PARENT = Spoken(Days(), partitioned=True), Spoken(Days(), partitioned=True, parents=True)

DAY = st.dates().map(str)
CLOSED = st.lists(st.tuples(DAY, DAY, st.none() | DAY).map(list), max_size=3).map(lambda c: {"closed": c} if c else {})
PARTITION = st.dictionaries(st.sampled_from(["id", "x"]), st.text(max_size=3) | st.integers(0, 9), min_size=1)
POSITION = st.integers(0, 1 << 50)


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


@settings(deadline=None)
@given(CLOSED, POSITION)
def test_a_cursor_comes_back_as_it_was(state: Any, position: int) -> None:
    held = {WHOLE: state}
    got = from_state(PLAIN, through_json(to_state(PLAIN, held, position)))
    assert got.position == position
    assert got.state == held or (not state and got.state.get(WHOLE, {}) == {})


@settings(deadline=None)
@given(st.lists(st.tuples(PARTITION, CLOSED), max_size=4), POSITION, st.booleans())
def test_partitions_come_back_as_they_were(pairs: list[tuple[Any, Any]], position: int, parents: bool) -> None:
    spoken = BY_PARENT if parents else BY_LIST
    held = {partition_key(p): s for p, s in pairs}

    assert from_state(spoken, through_json(to_state(spoken, held, position))) == Given(held, position)


@settings(deadline=None)
@given(POSITION)
def test_a_stream_without_cursor_still_has_a_position(position: int) -> None:
    said = to_state(NONE, None, position)
    assert said == {"__ab_no_cursor_state_message": True, OURS: {"position": position}}
    assert from_state(NONE, said) == Given({}, position)


def test_airbyte_finds_its_own_members_in_our_state() -> None:
    held = {"closed": [["2024-01-01", "2024-03-01", "2024-02-03"], ["2024-04-01", "2024-05-01", None]]}

    plain = to_state(PLAIN, {WHOLE: held}, 17)
    lists = to_state(BY_LIST, {'{"id":"1"}': held}, 17)
    parents = to_state(BY_PARENT, {'{"id":"1"}': held}, 17)

    assert plain == {"updated_at": "2024-02-03", OURS: {"position": 17, "closed": {WHOLE: held}}}
    assert {k: v for k, v in lists.items() if k != OURS} == {
        "use_global_cursor": False, "states": [{"partition": {"id": "1"}, "cursor": {"updated_at": "2024-02-03"}}]}  # fmt: skip
    assert parents["states"][0]["partition"] == {"id": "1", "parent_slice": {}}


def test_what_airbyte_says_alone_is_enough_and_then_nothing_stands_beside() -> None:
    held = {WHOLE: {"closed": [["2024-01-01", "2024-02-03", "2024-02-03"]]}}
    assert to_state(PLAIN, held, 1) == {"updated_at": "2024-02-03", OURS: {"position": 1}}
    assert to_state(PLAIN, None, 1) == {OURS: {"position": 1}}


def test_states_of_the_cdk_are_taken() -> None:
    known = {"closed": [["2024-01-01", "2024-02-03", "2024-02-03"]]}
    cursor = {"updated_at": "2024-02-03"}
    by_partition = {"use_global_cursor": False, "lookback_window": 12, "parent_state": {"p": {}}, "state": cursor,
                    "states": [{"partition": {"id": "1", "parent_slice": {}}, "cursor": cursor}]}  # fmt: skip

    assert from_state(PLAIN, cursor) == Given({WHOLE: known}, None)
    assert from_state(BY_PARENT, by_partition) == Given({'{"id":"1"}': known, ANY: known}, None)
    assert from_state(BY_LIST, cursor) == Given({ANY: known}, None)
    assert from_state(PLAIN, {"__ab_no_cursor_state_message": True}) == Given({}, None)
    assert from_state(PLAIN, None) == from_state(PLAIN, {}) == Given({}, None)


def test_the_state_of_all_partitions_is_said_again() -> None:
    known = {"closed": [["2024-01-01", "2024-02-03", "2024-02-03"]]}
    assert to_state(BY_LIST, {ANY: known}, 1)["state"] == {"updated_at": "2024-02-03"}


def test_a_value_changed_by_hand_wins_over_ours() -> None:
    said = to_state(PLAIN, {WHOLE: {"closed": [["2024-01-01", "2024-03-01", "2024-02-03"]]}}, 17)

    got = from_state(PLAIN, {**said, "updated_at": "2024-01-15"})

    assert got == Given({WHOLE: {"closed": [["2024-01-01", "2024-01-15", "2024-01-15"]]}}, 17)


@pytest.mark.parametrize("ours", [5, {"position": "x"}, {"closed": []}, {"closed": {WHOLE: {"closed": [["a"]]}}}])
def test_what_stands_beside_and_makes_no_sense_is_passed_over_or_told(ours: Any) -> None:
    said = {"updated_at": "2024-02-03", OURS: ours}
    try:
        assert from_state(PLAIN, said).position is None
    except DocumentError as e:
        assert "cannot be read" in str(e)


@pytest.mark.parametrize(("spoken", "said"), [
    (PLAIN, []), (PLAIN, {"updated_at": 5}), (BY_LIST, {"states": [{"cursor": {}}]}), (BY_LIST, {"states": [5]}), (BY_LIST, {"states": 5}),
])  # fmt: skip
def test_a_state_that_cannot_be_read_is_told(spoken: Spoken, said: Any) -> None:
    with pytest.raises(DocumentError, match=r"^state of 's': "):
        from_state(spoken, said, "state of 's'")


STREAM = {"type": "STREAM", "stream": {"stream_descriptor": {"name": "a"}, "stream_state": {"x": 1}}}
LATER = {"type": "STREAM", "stream": {"stream_descriptor": {"name": "a", "namespace": None}, "stream_state": {"x": 2}}}
GLOBAL = {"type": "GLOBAL", "global": {"stream_states": [{"stream_descriptor": {"name": "a"}, "stream_state": {"x": 1}},
                                                         {"stream_descriptor": {"name": "b"}}]}}  # fmt: skip


@pytest.mark.parametrize(("document", "states"), [
    ([STREAM], {"a": {"x": 1}}), ([{"type": "STATE", "state": STREAM}], {"a": {"x": 1}}), (STREAM, {"a": {"x": 1}}),
    ([STREAM, LATER], {"a": {"x": 2}}), ({"a": {"x": 1}, "b": {}}, {"a": {"x": 1}, "b": {}}), ([{"data": {"a": {}}}], {"a": {}}),
    ({"type": "LEGACY", "data": {"a": {"x": 1}}}, {"a": {"x": 1}}), ([GLOBAL], {"a": {"x": 1}, "b": None}), ([], {}), ({}, {}),
])  # fmt: skip
def test_every_form_of_a_state_file_is_read(document: Any, states: Any) -> None:
    assert read_states(json.dumps(document).encode()) == states
    if isinstance(document, list) and all("type" in m for m in document):
        assert read_states("\n".join(map(json.dumps, document)).encode()) == states


@pytest.mark.parametrize(("raw", "says"), [
    (b"{", "not JSON"), (b"5", "neither a list"), (b'{"a":1}\n{', "not JSON"), (b'[5, {"type":"STREAM"}]', "cannot be used"),
    (b'[{"type":"GLOBAL","global":{"shared_state":{"x":1},"stream_states":[]}}]', "cannot be used"),
])  # fmt: skip
def test_a_state_file_that_cannot_be_read_is_told(raw: bytes, says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        read_states(raw, "state.json")


def test_an_empty_state_file_is_no_state() -> None:
    assert read_states(b"") == read_states(b" \n") == {}


def test_a_run_is_given_the_states_of_the_streams_that_it_knows() -> None:
    speech = Speech({"a": PLAIN, "b": NONE})
    said = speech.state("a", {WHOLE: {}}, 9, 3)["state"]

    states = read_states(json.dumps([said, {**STREAM, "stream": {"stream_descriptor": {"name": "gone"}}}]).encode())

    assert speech.given(states) == {"a": Given({WHOLE: {}}, 9), "b": Given({}, None)}
    assert said["sourceStats"] == {"recordCount": 3.0}
    with pytest.raises(DocumentError, match="state of 'a'"):
        speech.given({"a": 5})
