"""Transforms do what Airbyte's do, and the same on rows and on columns."""

from __future__ import annotations

import copy
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobstream.jobs.event import Slice
from jobstream.records.batch import Origin, PartKey
from jobstream.records.counts import Tally
from jobstream.records.flow import flow
from tries import built, many

ORIGIN = Origin(PartKey("s", "j", 1, 0, 0), tag="t", value="u", slice=Slice({"p": "7"}, ("a", "b"), {"e": 1}))


def run(name: str, rows: list[dict[str, Any]], /, config: Any = None, **options: Any) -> list[dict[str, Any]]:
    got: list[dict[str, Any]] = built("transform", name, config, **options).rows(copy.deepcopy(rows), ORIGIN)
    return got


texts = st.none() | st.text(st.sampled_from("ab '\"{é1"), max_size=4)
keys = st.sampled_from(["a", "b", "A", "fooBar", "foo_bar", "HTTP Code", "x.y", "1st", "é", "ns:a", "page[size]"])
tables = st.lists(keys, unique=True, min_size=1, max_size=5).flatmap(
    lambda names: st.lists(st.fixed_dictionaries(dict.fromkeys(names, texts)), min_size=1, max_size=4)
)
columnar = st.sampled_from([
    ("filter", {"keep": "{{ record.a == 'a' }}"}), ("filter", {"keep": "{{ record['fooBar'] == '' }}"}),
    ("add_fields", {"fields": [{"path": ["a"], "value": "x"}, {"path": ["new"], "value": "5"}, {"path": ["n"], "value": 5, "type": "string"}]}),
    ("add_fields", {"fields": [{"path": ["a"], "value": "5", "type": "string"}]}), ("remove_fields", {"paths": [["a"], ["foo*"], ["page[size]"]]}),
    ("remove_fields", {"paths": [["**"]]}), ("keys_to_lower", {}), ("keys_to_snake_case", {}), ("keys_replace", {"old": "a", "new": "b"}),
    ("keys_replace", {"old": "", "new": "b"}), ("flatten", {}), ("flatten", {"lists": False}),
    ("cast", {"schema": {"properties": {"a": {"type": ["null", "string"]}, "b": {}}}}),
])  # fmt: skip


@many
@given(tables, columnar)
def test_columns_and_rows_give_the_same_records(rows: Any, what: Any) -> None:
    name, options = what
    rows = [{k: r[k] for k in rows[0]} for r in rows]
    transform = built("transform", name, **options)
    assert transform.on_columns
    batch = pa.RecordBatch.from_pylist(rows, pa.schema([(k, pa.string()) for k in rows[0]]))
    expected = transform.rows(copy.deepcopy(rows), ORIGIN)
    got = transform.columns(batch, ORIGIN)
    if expected and not expected[0]:
        assert got.num_columns == 0
    else:
        assert got.to_pylist() == expected


def test_what_needs_rows_says_so() -> None:
    for name, options in (("filter", {"keep": "{{ record.a > 'a' }}"}), ("filter", {"keep": "{{ record.a == 'x' or true }}"}),
                          ("add_fields", {"fields": [{"path": ["a"], "value": "{{ record.b }}"}]}),
                          ("add_fields", {"fields": [{"path": ["a", "b"], "value": "x"}]}),
                          ("add_fields", {"fields": [{"path": ["a"], "value": "x"}], "when": "{{ record.a }}"}),
                          ("remove_fields", {"paths": [["a", "b"]]}), ("remove_fields", {"paths": [["a"]], "when": "{{ property }}"}),
                          ("keys_replace", {"old": "{{ record.a }}", "new": ""}), ("cast", {"schema": {"properties": {"a": {"type": "number"}}}})):  # fmt: skip
        assert not built("transform", name, **options).on_columns


def test_columns_are_refused_by_what_needs_rows() -> None:
    batch = pa.RecordBatch.from_pylist([{"a": "x"}])
    for name, options in (("keys_replace", {"old": "{{ record.a }}", "new": ""}), ("filter", {"keep": "{{ record.a > 'a' }}"})):
        with pytest.raises(AssertionError):
            built("transform", name, **options).columns(batch, ORIGIN)
    missing = built("transform", "filter", keep="{{ record.b == 'x' }}")
    assert missing.columns(batch, ORIGIN).num_rows == 0


def test_nested_columns_are_flattened_and_cast_by_rows() -> None:
    batch = pa.RecordBatch.from_pylist([{"a": {"b": 1}, "c": "x"}])
    assert built("transform", "flatten").columns(batch, ORIGIN).to_pylist() == [{"b": 1, "c": "x"}]
    cast = built("transform", "cast", schema={"properties": {"a": {"type": "string"}}})
    assert cast.columns(pa.RecordBatch.from_pylist([{"a": 5}]), ORIGIN).to_pylist() == [{"a": "5"}]


def test_a_filter_sees_record_slice_target_and_config_and_what_it_drops_is_counted() -> None:
    keep = "{{ record.n > config.least and slice.partition.p == '7' and slice.flat.e == 1 and slice.flat.start_time == 'a' and target.value == 'u' and job.attempt == 1 }}"  # fmt: skip
    assert run("filter", [{"n": 1}, {"n": 3}], {"least": 2}, keep=keep) == [{"n": 3}]
    assert run("filter", [{"n": 1}], keep="") == []
    none = Origin(ORIGIN.key)
    assert built("transform", "filter", keep="{{ slice.partition == {} }}").rows([{"n": 1}], none) == [{"n": 1}]
    tally = Tally()
    assert list(flow([], (built("transform", "filter", keep="{{ true }}"),), tally, ORIGIN)) == []


def test_fields_are_added_in_order_and_see_earlier_ones() -> None:
    fields = [{"path": ["a"], "value": "{{ record.n + 1 }}"}, {"path": ["b", "c"], "value": "{{ record.a }}"},
              {"path": ["l", "2"], "value": "x"}, {"path": ["n"], "value": {"raw": 1}}, {"path": ["s"], "value": "{{ slice.partition.p }}"}]  # fmt: skip
    assert run("add_fields", [{"n": 1, "b": 5, "l": ["y"]}], fields=fields) == [
        {"n": {"raw": 1}, "a": 2, "b": {"c": 2}, "l": ["y", None, "x"], "s": 7}
    ]
    assert run("add_fields", [{"l": [1]}], fields=[{"path": ["l", "k"], "value": "x"}]) == [{"l": [1]}]
    assert run("add_fields", [{"l": [1]}], fields=[{"path": ["l", "0", "k"], "value": "x"}]) == [{"l": [{"k": "x"}]}]


@pytest.mark.parametrize(("kind", "text", "value"), [("", "5", 5), ("string", "5", "5"), ("integer", "5", 5), ("integer", "5.5", "5.5"), ("integer", "True", "True"),
                                                     ("number", "5", 5), ("number", "5.5", 5.5), ("boolean", "True", True), ("boolean", "1", "1")])  # fmt: skip
def test_a_type_restricts_what_text_becomes(kind: str, text: str, value: Any) -> None:
    got = run("add_fields", [{}], fields=[{"path": ["a"], "value": text, "type": kind}])[0]["a"]
    assert (got, type(got)) == (value, type(value))


def test_fields_may_be_added_on_a_condition_over_value_and_path() -> None:
    fields = [{"path": ["a"], "value": "{{ record.n }}"}, {"path": ["b"], "value": "1"}]
    assert run("add_fields", [{"n": 0}], fields=fields, when="{{ value > 0 and path == ['b'] }}") == [{"n": 0, "b": 1}]


def test_fields_are_removed_by_path_glob_and_condition() -> None:
    rows = [{"a": {"b": 1, "c": 2}, "l": [{"b": 1}, {"b": 2}], "x1": 1, "x2": None}]
    assert run("remove_fields", rows, paths=[["a", "b"], ["l", "*", "b"], ["x?"], ["no", "such"]]) == [
        {"a": {"c": 2}, "l": [{}, {}]}
    ]
    assert run("remove_fields", rows, paths=[["l", "0"]])[0]["l"] == [None, {"b": 2}]
    assert run("remove_fields", rows, paths=[["**", "b"]]) == [{"a": {"c": 2}, "l": [{}, {}], "x1": 1, "x2": None}]
    assert run("remove_fields", rows, paths=[["x*"]], when="{{ property is none }}")[0].get("x1") == 1
    assert "x2" not in run("remove_fields", rows, paths=[["x*"]], when="{{ property is none }}")[0]
    assert run("remove_fields", rows, {"drop": 1}, paths=[["x1"]], when="{{ property == config.drop }}")[0].keys() == {
        "a",
        "l",
        "x2",
    }


@pytest.mark.parametrize(("key", "snake"), [("FooBar", "foo_bar"), ("fooBar2Baz", "foo_bar_2_baz"), ("HTTPServer", "httpserver"), ("foo bar-baz", "foo_bar_baz"),
                                            ("1st", "_1_st"), ("été", "ete"), ("_x_", "_x_"), ("a", "a"), ("straße", "straße"), ("", "")])  # fmt: skip
def test_snake_case(key: str, snake: str) -> None:
    assert run("keys_to_snake_case", [{key: {"Ab": [{"Ab": 1}]}}]) == [{snake: {"ab": [{"Ab": 1}]}}]


def test_keys_are_lowered_and_replaced() -> None:
    assert run("keys_to_lower", [{"A": {"B": 1}, "a": 2}]) == [{"a": 2}]
    assert run("keys_replace", [{"a b": {"c b": [{"a b": 1}]}}], old=" ", new="_") == [{"a_b": {"c_b": [{"a b": 1}]}}]
    assert run("keys_replace", [{"k": "a", "ab": 1}, {"k": ""}], old="{{ record.k }}", new="z") == [
        {"k": "a", "zb": 1},
        {"k": ""},
    ]


def test_flatten_names_leaves_by_their_key_or_by_parent_and_key() -> None:
    assert run("flatten", [{"a": {"b": 1, "c": {"d": 2}}, "e": 3}]) == [{"b": 1, "d": 2, "e": 3}]
    assert run("flatten", [{"b": 5, "a": {"b": 1}}]) == [{"b": 5}] or run("flatten", [{"a": {"b": 1}, "b": 5}]) == [
        {"a.b": 1, "b": 5}
    ]
    assert run("flatten", [{"l": [1, {"x": 2}]}]) == [{"l.0": 1, "l.1.x": 2}]
    assert run("flatten", [{"l": [1]}], lists=False) == [{"l": [1]}]


SCHEMA = {"properties": {
    "i": {"type": ["null", "integer"]}, "n": {"type": "number"}, "b": {"type": "boolean"}, "s": {"type": "string"}, "u": {"type": ["string", "integer"]},
    "o": {"type": "object", "properties": {"i": {"type": "integer"}}}, "l": {"type": "array", "items": {"type": "integer"}}, "z": {}, "q": True,
}}  # fmt: skip


@pytest.mark.parametrize(("given_", "expected"), [
    ({"i": "7"}, {"i": 7}), ({"i": "7.5"}, {"i": "7.5"}), ({"i": 7.0}, {"i": 7}), ({"i": 7.5}, {"i": 7.5}), ({"i": ""}, {"i": ""}), ({"i": None}, {"i": None}),
    ({"i": [1]}, {"i": [1]}), ({"n": "1.50"}, {"n": 1.5}), ({"n": "nan"}, {"n": "nan"}), ({"n": 2**70}, {"n": 2**70}), ({"n": "1e999"}, {"n": "1e999"}),
    ({"b": "Yes"}, {"b": True}), ({"b": "off"}, {"b": False}), ({"b": "maybe"}, {"b": "maybe"}), ({"b": 0}, {"b": False}),
    ({"s": 5}, {"s": "5"}), ({"s": {"a": [1]}}, {"s": '{"a":[1]}'}), ({"u": 5}, {"u": 5}), ({"o": {"i": "1", "x": "1"}}, {"o": {"i": 1, "x": "1"}}),
    ({"o": "text"}, {"o": "text"}), ({"l": ["1", "x"]}, {"l": [1, "x"]}), ({"l": "1"}, {"l": [1]}), ({"z": "1", "q": "1", "new": "1"}, {"z": "1", "q": "1", "new": "1"}),
])  # fmt: skip
def test_values_take_the_declared_type_or_stay(given_: Any, expected: Any) -> None:
    got = run("cast", [given_], schema=SCHEMA)
    assert got == [expected]
    assert [type(v) for v in got[0].values()] == [type(v) for v in expected.values()]
