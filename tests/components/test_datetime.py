"""Windows tile the time that is not closed; the state never lies beyond a gap; text and time agree in every format."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobstream.components.cursors.times import TimeFault, instant, length, text_of
from jobstream.jobs.event import Slice
from jobstream.records.batch import Batch
from jobstream.records.counts import DataFault
from jobstream.template.language import TemplateFault
from tries import built, many

NOW = datetime(2024, 1, 3, 12, tzinfo=UTC)
DAYS = {"field": "at", "start": "2024-01-01T00:00:00Z", "step": "P1D", "granularity": "PT1S"}
HERE = Slice({"id": 1})


def cursor(config: Any = None, /, **options: Any) -> Any:
    return built("cursor", "datetime", config, **{**DAYS, **options})


def windows(c: Any, state: Any = None, now: datetime = NOW) -> list[tuple[str, str]]:
    return [s.window for s in c.slices(state, HERE, now.timestamp())]


instants = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)).map(lambda d: d.replace(tzinfo=UTC))


@many
@given(instants, st.sampled_from([("%s", 1_000_000), ("%ms", 1000), ("%epoch_microseconds", 1), ("%s_as_float", 1), ("%Y-%m-%dT%H:%M:%S.%_msZ", 1000),
                                  ("%Y-%m-%dT%H:%M:%S.%f%z", 1), ("on:%Y-%m-%d", 86_400_000_000), ("%Y-%m-%dT%H:%M:%SZ", 1_000_000), ("iso", 1)]))  # fmt: skip
def test_an_instant_reads_back_as_it_was_written(at: datetime, form: tuple[str, int]) -> None:
    name, grain = form
    exact = at - timedelta(microseconds=(at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) % grain)
    slack = timedelta(microseconds=5) if name == "%s_as_float" else timedelta(0)
    assert abs(instant(text_of(exact, name), name) - exact) <= slack


def test_zones_are_obeyed_and_their_absence_is_utc() -> None:
    assert instant("2024-01-01T01:00:00+0100", "%Y-%m-%dT%H:%M:%S%z") == datetime(2024, 1, 1, tzinfo=UTC)
    assert instant("2024-01-01", "%Y-%m-%d") == datetime(2024, 1, 1, tzinfo=UTC)
    assert instant("1704067200.5", "%s_as_float") == datetime(2024, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    for text, form in (("soon", "%s"), ("NaN", "%s"), ("2024", "%Y-%m"), ("9" * 30, "%s"), ("x", "iso")):
        with pytest.raises(TimeFault):
            instant(text, form)


def test_lengths() -> None:
    assert length(5) == length("5") == length("PT5S") == timedelta(seconds=5)
    assert length("") == timedelta(0)
    assert datetime(2024, 1, 31) + length("P1M") == datetime(2024, 2, 29)
    with pytest.raises(TimeFault):
        length("a while")


def test_windows_end_a_grain_before_the_next_and_the_last_at_the_end() -> None:
    assert windows(cursor()) == [("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z"), ("2024-01-02T00:00:00Z", "2024-01-02T23:59:59Z"),
                                 ("2024-01-03T00:00:00Z", "2024-01-03T12:00:00Z")]  # fmt: skip
    assert windows(cursor(granularity=0))[0][1] == "2024-01-02T00:00:00Z"
    assert windows(cursor(step=0)) == [("2024-01-01T00:00:00Z", "2024-01-03T12:00:00Z")]
    assert windows(cursor(step="P100Y", lookback="P3000Y"), {"closed": [["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", None]]}) == windows(cursor(step=""))  # fmt: skip
    assert windows(cursor(step="P9000Y")) == windows(cursor(step="P9000000D")) == windows(cursor(step=0))
    assert windows(cursor(start="2025-01-01T00:00:00Z")) == []
    assert [w[0][:10] for w in windows(cursor(step="P1M"), now=datetime(2024, 4, 1, tzinfo=UTC))] == [
        "2024-01-01",
        "2024-02-01",
        "2024-03-01",
    ]
    assert (
        windows(cursor(step="PT1S", granularity="PT5S"), now=datetime(2024, 1, 1, 0, 0, 2, tzinfo=UTC))[0]
        == ("2024-01-01T00:00:00Z",) * 2
    )


def test_windows_keep_partition_and_extra() -> None:
    given_ = Slice({"id": 1}, extra={"name": "x"})
    first, *_, last = cursor().slices(None, given_, NOW.timestamp())
    assert (first.partition, first.extra) == ({"id": 1}, {"name": "x"})
    assert last.extra["name"] == "x"


def test_start_and_end_are_templates_with_bounds() -> None:
    config = {"from": "2023-06-01", "days": "P1D"}
    start = {"at": "{{ config['from'] }}", "format": "%Y-%m-%d", "least": "2024-01-02"}
    c = cursor(
        config, start=start, end={"at": "2024-02-01T00:00:00Z", "most": "2024-01-04T00:00:00Z"}, step="{{ config.days }}"
    )
    assert [w[0][:10] for w in windows(c)] == ["2024-01-02", "2024-01-03"]
    for bad in ({"start": "{{ config['from'] }}"}, {"end": "{{ 'never' }}"}):
        with pytest.raises(TemplateFault, match="no instant"):
            windows(cursor(config, **bad))
    with pytest.raises(TemplateFault, match="no length"):
        cursor(config, step="{{ config['from'] }}")


def test_strict_leaves_empty_windows_out() -> None:
    dates = {"format": "%Y-%m-%d", "start": "2024-01-01", "granularity": "P1D", "end": "2024-01-03"}
    assert windows(cursor(**dates)) == [("2024-01-01", "2024-01-01"), ("2024-01-02", "2024-01-03")]
    assert windows(cursor(**dates, strict=True)) == [("2024-01-02", "2024-01-03")]


def closed(c: Any, pieces: list[Slice], state: Any = None) -> Any:
    for p in pieces:
        state = msgspec.json.decode(msgspec.json.encode(c.close(state, p, (None,))))
    return state


@many
@given(st.integers(1, 40), st.sampled_from([("PT1H", "PT1S"), ("PT1H", "PT1H"), ("PT7H", "PT1M"), ("P1D", "PT1S")]), st.data())
def test_what_is_not_closed_is_asked_again(hours: int, sizes: tuple[str, str], data: st.DataObject) -> None:
    step, grain = sizes
    c = cursor(step=step, granularity=grain)
    now = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    pieces = list(c.slices(None, HERE, now.timestamp()))
    done = data.draw(st.lists(st.sampled_from(pieces), unique_by=lambda s: s.window))

    again = list(c.slices(closed(c, done), HERE, now.timestamp()))

    open_ = [p for p in pieces if p not in done]
    times = [instant(w, "%Y-%m-%dT%H:%M:%SZ") for p in open_ for w in p.window]
    covered = [(instant(a, "%Y-%m-%dT%H:%M:%SZ"), instant(b, "%Y-%m-%dT%H:%M:%SZ")) for a, b in (p.window for p in again)]
    assert all(any(a <= t <= b for a, b in covered) for t in times)


@many
@given(st.permutations(range(5)), st.integers(0, 5))
def test_the_state_never_lies_beyond_the_first_gap(order: list[int], n: int) -> None:
    c = cursor(step="P1D", granularity="P1D", format="%Y-%m-%d", start="2024-01-01")
    pieces = list(c.slices(None, HERE, datetime(2024, 1, 5, 12, tzinfo=UTC).timestamp()))
    assert len(pieces) == 5
    state = None
    for i in order[:n]:
        state = c.close(state, pieces[i], (f"2024-01-0{i + 1}T05:00:00.000000Z",))
    missing = min(set(range(5)) - set(order[:n]), default=5)
    first = min(order[:n], default=None)
    if first is None:
        assert c.value(state) is None
    elif missing > first:
        assert c.value(state) <= f"2024-01-0{missing}"


def test_a_failed_first_window_holds_the_next_run_back_where_step_and_grain_are_equal() -> None:
    days = {"step": "P1D", "granularity": "P1D", "format": "%Y-%m-%d", "start": "2024-01-01"}
    c = cursor(**days)
    first_run = closed(c, list(c.slices(None, HERE, datetime(2024, 1, 2, 12, tzinfo=UTC).timestamp())))
    today, tomorrow = c.slices(first_run, HERE, datetime(2024, 1, 3, 12, tzinfo=UTC).timestamp())
    assert (today.window[0], tomorrow.window[0]) == ("2024-01-02", "2024-01-03")

    state = closed(c, [tomorrow], first_run)

    assert next(s.window for s in c.slices(state, HERE, datetime(2024, 1, 3, 13, tzinfo=UTC).timestamp())) == today.window
    assert len(closed(c, [today, tomorrow], first_run)["closed"]) == 1


def test_the_value_is_that_of_a_record_in_the_format_of_the_state() -> None:
    c = cursor(format="%Y-%m-%d", start="2024-01-01", formats=["%Y-%m-%dT%H:%M:%S.%fZ"])
    seen = c.see(None, Batch([{"at": "2024-01-02T10:00:00.5Z"}, {"at": "2024-01-01"}, {"at": None}, {"at": ""}, {}]))
    state = c.close(None, Slice({}, ("2024-01-01", "2024-01-03")), (seen, None))
    assert c.value(state) == "2024-01-02"
    assert c.value(c.close(None, Slice({}, ("2024-01-01", "2024-01-03")), (None,))) == "2024-01-01"
    assert c.value(None) is None


values = st.lists(st.none() | st.just("") | st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda d: d.strftime("%Y-%m-%d %H:%M:%S")), max_size=5)  # fmt: skip


@many
@given(values, values, st.booleans())
def test_columns_and_rows_see_the_same(one: list[str | None], two: list[str | None], ordered: bool) -> None:
    form = "%Y-%m-%d %H:%M:%S"
    c = cursor(format="%Y-%m-%dT%H:%M:%SZ", formats=[form] if ordered else ["%Y/%m/%d", form])
    seen: list[Any] = [None, None]
    for batch in (one, two):
        seen[0] = c.see(seen[0], Batch([{"at": v} for v in batch]))
        seen[1] = c.see(seen[1], Batch(pa.RecordBatch.from_pydict({"at": pa.array(batch, pa.string())})))
    assert seen[0] == seen[1]
    largest = max((v for v in (*one, *two) if v), default=None)
    assert seen[0] == (None if largest is None else text_of(instant(largest, form), "%Y-%m-%dT%H:%M:%S.%fZ"))


def test_text_that_is_larger_is_not_always_later() -> None:
    c = cursor(formats=["%Y-%m-%dT%H:%M:%S%z", "%d.%m.%Y"])
    rows = [{"at": "2024-01-01T05:00:00+0500"}, {"at": "2024-01-01T01:00:00+0000"}, {"at": "31.12.2023"}]
    assert c.see(None, Batch(rows)) == c.see(None, Batch(pa.RecordBatch.from_pylist(rows))) == "2024-01-01T01:00:00.000000Z"
    numbers = cursor(formats=["%s"], format="%Y-%m-%d", start="2024-01-01")
    assert numbers.see(None, Batch(pa.RecordBatch.from_pydict({"at": [9, 100]}))) == "1970-01-01T00:01:40.000000Z"
    assert numbers.see("x", Batch(pa.RecordBatch.from_pydict({"b": [9]}))) == "x"


def test_a_value_that_is_no_instant_is_a_fault_that_shows_it() -> None:
    for rows in ([{"at": "soon"}], pa.RecordBatch.from_pylist([{"at": "soon"}])):
        with pytest.raises(DataFault, match="'soon' is no instant"):
            cursor().see(None, Batch(rows))


def test_a_part_of_a_result_closes_up_to_what_was_seen_and_its_grain_is_read_again() -> None:
    c = cursor()
    seen = "2024-01-01T10:00:00.500000Z"
    state = c.close(None, Slice({}, ("2024-01-01T00:00:00Z", seen)), (seen,))
    state = c.close(state, Slice({}, ("2024-01-02T00:00:00Z", "2024-01-02T23:59:59Z")), (None,))
    assert windows(c, state)[0] == ("2024-01-01T10:00:00Z", "2024-01-01T23:59:59Z")
    assert c.value(state) == "2024-01-01T10:00:00Z"


def test_a_window_is_split_into_halves_until_two_grains() -> None:
    c = cursor()
    last = list(c.slices(None, HERE, NOW.timestamp()))[-1]
    first, second = c.split(last)
    assert (first.window[1], second.window) == ("2024-01-03T06:00:00Z", ("2024-01-03T06:00:01Z", "2024-01-03T12:00:00Z"))
    assert first.extra == {}
    assert second.extra == last.extra
    assert c.split(Slice({}, ("2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"))) == ()
    assert c.split(Slice({})) == ()


# -- Airbyte's words


def test_a_state_goes_to_airbyte_and_back() -> None:
    c = cursor()
    pieces = list(c.slices(None, Slice(), NOW.timestamp()))
    state = c.close(None, pieces[0], ("2024-01-01T10:00:00.000000Z",))
    assert c.to_airbyte(state) == {"at": "2024-01-01T10:00:00Z"}
    back = c.from_airbyte({"at": "2024-01-01T10:00:00Z"})
    assert next(s.window for s in c.slices(back, Slice(), NOW.timestamp())) == ("2024-01-01T10:00:00Z", "2024-01-02T09:59:59Z")
    assert c.value(back) == "2024-01-01T10:00:00Z"
    assert c.to_airbyte(None) == {}
    assert c.value(c.from_airbyte({})) is None


def test_a_state_before_the_start_closes_nothing() -> None:
    c = cursor()
    assert windows(c, c.from_airbyte({"at": "2020-01-01T00:00:00Z"})) == windows(c)


def test_what_lies_within_the_look_back_of_a_state_is_read_again() -> None:
    c = cursor()
    assert c.value(c.from_airbyte({"at": "2024-01-02T00:00:00Z"}, 60.0)) == "2024-01-01T23:59:00Z"


def test_the_concurrent_form_of_state_is_read() -> None:
    c = cursor()
    slices = [{"start": "2024-01-01T00:00:00.000Z", "end": "2024-01-02T00:00:00.000Z", "most_recent_cursor_value": "2024-01-01T05:00:00Z"},
              {"start": "2024-01-03T00:00:00.000Z", "end": "2024-01-03T06:00:00.000Z"}]  # fmt: skip
    back = c.from_airbyte({"state_type": "date-range", "slices": slices})
    assert [s.window for s in c.slices(back, HERE, NOW.timestamp())] == [("2024-01-02T00:00:00Z", "2024-01-02T23:59:59Z"), ("2024-01-03T06:00:00Z", "2024-01-03T12:00:00Z")]  # fmt: skip
    assert c.value(back) == "2024-01-01T05:00:00Z"


def test_a_state_of_an_older_form_is_read() -> None:
    assert (
        cursor().value({"closed": [["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-01T07:00:00Z"]]})
        == "2024-01-01T07:00:00Z"
    )


@many
@given(instants)
def test_the_seen_value_stands_in_order_as_text(at: datetime) -> None:
    assume(at.year < 2199)
    later = at + timedelta(microseconds=1)
    assert text_of(at, "%Y-%m-%dT%H:%M:%S.%fZ") < text_of(later, "%Y-%m-%dT%H:%M:%S.%fZ")
