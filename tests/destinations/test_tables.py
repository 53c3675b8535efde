"""Columns: what a file of fixed columns makes of records that have none, with read-back by other readers than ours."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobstream.destinations.catalog import open_destination
from jobstream.destinations.columns import Columns, columns_of, declared
from jobstream.destinations.csv import Csv
from jobstream.destinations.files import Form, Place
from jobstream.destinations.parquet import SCHEMA, Parquet
from jobstream.destinations.table import Group, write_table
from jobstream.records.batch import Batch, PartKey, Row
from jobstream.records.counts import DataFault

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=2) | st.dictionaries(TEXT, v, max_size=2), max_leaves=4)
RECORDS = st.lists(st.dictionaries(st.sampled_from("abcd"), VALUES, min_size=1), min_size=1, max_size=12)


def key(part: int = 0) -> PartKey:
    return PartKey("s", "j", 1, 0, part)


def write(folder: Path, *parts: list[Row] | pa.RecordBatch, schema: Any = None, form: str = "parquet") -> Path:
    there = open_destination(form, str(folder), schemas={"s": schema} if schema else {})
    for i, rows in enumerate(parts):
        there.write(key(i), 1, iter([Batch(rows)]))
    return folder / "s"


def table(out: io.BytesIO) -> pa.Table:
    return pq.read_table(io.BytesIO(out.getvalue()))


def same(written: Any, value: Any, kind: pa.DataType) -> bool:
    """A value may change its spelling, never itself."""
    if value is None or written is None:
        return value is written
    if kind == pa.string():
        return bool(written == value) if isinstance(value, str) else json.loads(written) == value
    return type(value) in (bool, int, float) and bool(written == value)


@settings(deadline=None, max_examples=150)
@given(RECORDS, st.integers(1, 5), st.integers(1, 4))
def test_no_value_is_lost_in_parquet_however_late_a_column_or_type_comes(tmp_path_factory: Any, rows: list[Row], size: int,
                                                                         group: int) -> None:  # fmt: skip
    out, columns = io.BytesIO(), Columns()
    batches = [Batch(rows[i : i + size]) for i in range(0, len(rows), size)]

    n = write_table(out, batches, Parquet(), columns, Group(group, 1 << 20), tmp_path_factory.getbasetemp())

    got = table(out)
    assert n == got.num_rows == len(rows)
    assert got.schema.names == list(dict.fromkeys(k for r in rows for k in r))
    for name in got.schema.names:
        for written, row in zip(got[name].to_pylist(), rows, strict=True):
            assert same(written, row.get(name), got.schema.field(name).type), (name, written, row)


@settings(deadline=None, max_examples=150)
@given(RECORDS, st.integers(1, 5), st.integers(1, 4))
def test_no_value_is_lost_in_csv(tmp_path_factory: Any, rows: list[Row], size: int, group: int) -> None:
    out, columns = io.BytesIO(), Columns()
    batches = [Batch(rows[i : i + size]) for i in range(0, len(rows), size)]

    write_table(out, batches, Csv(), columns, Group(group, 1 << 20), tmp_path_factory.getbasetemp())

    got = list(csv.DictReader(io.StringIO(out.getvalue().decode(), newline="")))
    assert len(got) == len(rows)
    for written, row in zip(got, rows, strict=True):
        for name in columns.schema.names:
            value = row.get(name)
            if value is None or isinstance(value, str):
                assert written[name] == (value or "")
            else:
                assert json.loads(written[name]) == value


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.none()


@settings(deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1), st.integers(1, 3))
def test_text_goes_through_csv_exactly_and_null_is_not_empty(tmp_path_factory: Any, cells: list[tuple[str | None, str | None]],
                                                              size: int) -> None:  # fmt: skip
    whole = pa.record_batch(
        {"a b": pa.array([c[0] for c in cells], pa.string()), 'q"': pa.array([c[1] for c in cells], pa.string())}
    )
    out = io.BytesIO()
    batches = [Batch(whole.slice(i, size)) for i in range(0, len(cells), size)]

    write_table(out, batches, Csv(), Columns(), Group(2, 1 << 20), tmp_path_factory.getbasetemp())

    back = arrow_csv.read_csv(
        io.BytesIO(out.getvalue()), parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(["a b", 'q"'], pa.string()), null_values=[""],
                                                 strings_can_be_null=True, quoted_strings_can_be_null=False))  # fmt: skip
    assert back.to_pylist() == whole.to_pylist()
    plain = list(csv.reader(io.StringIO(out.getvalue().decode(), newline="")))
    assert plain[1:] == [[a or "", b or ""] for a, b in cells]


def test_a_csv_of_one_column_has_a_line_for_every_record(tmp_path: Path) -> None:
    folder = write(tmp_path, [{"a": None}, {"a": 5}], [{"a": "x"}, {"a": None}], [{"a": None}], form="csv")

    assert [f.read_text() for f in sorted(folder.glob("*.csv"))] == ['"a"\n""\n"5"\n', '"a"\n"x"\n""\n', '"a"\n""\n']


def test_a_csv_that_had_one_column_may_get_another(tmp_path: Path) -> None:
    out = io.BytesIO()
    batches = [Batch([{"a": None}]), Batch([{"a": 5}]), Batch([{"a": 6, "b": "x"}])]

    write_table(out, batches, Csv(), Columns(), Group(1, 1 << 20), tmp_path)

    assert out.getvalue() == b'"a","b"\n,\n5,\n6,"x"\n'


def test_text_columns_of_csv_become_parquet_text_exactly(tmp_path: Path) -> None:
    batch = pa.record_batch(
        {"id": ["007", "1e3"], "note": ["", "tab\t\x00\r\nend"], "nothing": pa.array([None, None], pa.string())}
    )

    folder = write(tmp_path, batch)

    file = pq.ParquetFile(folder / "j.1.0.0.parquet")
    assert file.read().to_pylist() == batch.to_pylist()
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_schema_names_the_columns_that_every_part_has(tmp_path: Path, form: str) -> None:
    schema = {"properties": {"id": {"type": "integer"}, "price": {"type": ["null", "number"]}, "ok": {"type": "boolean"},
                             "tags": {"type": "array"}, "any": {}, "two": {"type": ["string", "integer"]}}}  # fmt: skip

    folder = write(
        tmp_path, [{"more": "x", "id": 1}], [{"price": 2, "tags": ["a"], "any": None, "two": 5}], schema=schema, form=form
    )

    names = ["id", "price", "ok", "tags", "any", "two"]
    if form == "csv":
        heads = [file.read_text().splitlines()[0].replace('"', "").split(",") for file in sorted(folder.glob("*.csv"))]
        assert heads == [[*names, "more"], names]
        return
    got = ds.dataset(folder).to_table()
    assert got.schema.names == [*names, "more"]
    assert [str(t) for t in got.schema.types] == ["int64", "double", "bool", "string", "string", "string", "string"]
    assert got.to_pylist()[1] == {"id": None, "price": 2.0, "ok": None, "tags": '["a"]', "any": None, "two": "5", "more": None}


def test_all_parts_can_be_read_with_the_columns_of_the_stream(tmp_path: Path) -> None:
    folder = write(tmp_path, [{"a": None, "i": 1}], [{"a": 5, "i": "x", "late": True}], [{"i": 3}])

    got = ds.dataset(folder, schema=pq.read_schema(folder / SCHEMA)).to_table()

    assert got.schema.names == ["a", "i", "late"]
    assert got.to_pylist() == [
        {"a": None, "i": "1", "late": None},
        {"a": 5, "i": "x", "late": True},
        {"a": None, "i": "3", "late": None},
    ]


def test_a_part_keeps_the_types_of_earlier_parts_where_it_can(tmp_path: Path) -> None:
    folder = write(tmp_path, [{"code": "A1"}], [{"code": 5}], [{"code": None}])

    for n in range(3):
        assert pq.read_schema(folder / f"j.1.0.{n}.parquet").field("code").type == pa.string()
    assert ds.dataset(folder).to_table()["code"].to_pylist() == ["A1", "5", None]


def test_readers_of_the_folder_pass_our_own_files_over(tmp_path: Path) -> None:
    folder = write(tmp_path, [{"a": 1}], [{"a": 2}])
    there = open_destination("parquet", str(tmp_path))
    there.retract("s", "other", 1, 3)
    (folder / ".j.1.0.9.parquet.1.half").write_bytes(b"half")

    assert ds.dataset(folder).count_rows() == 2
    assert pq.read_table(folder).num_rows == 2
    assert sorted(p.name for p in folder.glob("*.parquet")) == [
        "j.1.0.0.parquet",
        "j.1.0.1.parquet",
    ]  # a glob sees hidden names


def test_row_groups_are_bounded_and_a_large_batch_is_cut(tmp_path: Path) -> None:
    there = open_destination("parquet", str(tmp_path), options={"group_rows": 1000, "group_bytes": 1 << 16})
    there.write(key(), 1, iter([Batch(pa.record_batch({"a": [f"{i:060}" for i in range(5000)]}))]))

    meta = pq.read_metadata(tmp_path / "s" / "j.1.0.0.parquet")
    sizes = [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]
    assert sum(sizes) == 5000 and max(sizes) <= 1000


def test_whole_numbers_that_floating_point_would_round_become_text(tmp_path: Path) -> None:
    big = (1 << 53) + 1
    folder = write(tmp_path, [{"n": big}, {"n": 0.5}], [{"n": (1 << 64) + 1, "m": 1 << 63}])

    assert pq.read_table(folder / "j.1.0.0.parquet")["n"].to_pylist() == [str(big), "0.5"]
    assert pq.read_table(folder / "j.1.0.1.parquet").to_pylist() == [{"n": str((1 << 64) + 1), "m": str(1 << 63)}]


@pytest.mark.parametrize("order", [1, -1])
def test_so_they_do_when_they_meet_in_different_batches(tmp_path: Path, order: int) -> None:
    out, big = io.BytesIO(), -(1 << 53) - 1
    rows: list[Row] = [{"n": big}, {"n": 0.5}, {"n": 2}, {"n": None}]

    write_table(out, [Batch([r]) for r in rows[::order]], Parquet(), Columns(), Group(1, 1 << 20), tmp_path)

    assert table(out)["n"].to_pylist() == [str(big), "0.5", "2", None][::order]


def test_whole_numbers_and_others_are_numbers_while_both_are_exact(tmp_path: Path) -> None:
    out = io.BytesIO()
    write_table(out, [Batch([{"n": 1}]), Batch([{"n": 0.5}])], Parquet(), Columns(), Group(1, 1 << 20), tmp_path)
    assert table(out)["n"].to_pylist() == [1.0, 0.5]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_part_that_breaks_after_a_group_was_written_leaves_nothing(tmp_path: Path, form: str) -> None:
    def broken() -> Iterator[Batch]:
        for _ in range(3):
            yield Batch(pa.record_batch({"a": ["x" * 100] * 70_000}))
        raise DataFault("data.csv", "x")

    options = {"group_rows": 1000} if form == "parquet" else {}
    there = open_destination(form, str(tmp_path), options=options)
    with pytest.raises(DataFault):
        there.write(key(), 1, broken())

    assert not [p for p in (tmp_path / "s").iterdir() if p.name not in (".lock", ".stream")]


def test_typed_columns_of_a_cast_keep_their_types_and_odd_ones_are_made_plain(tmp_path: Path) -> None:
    batch = pa.record_batch({
        "day": pa.array([1, None], pa.date32()), "at": pa.array([1, 2], pa.timestamp("us", "UTC")),
        "small": pa.array([1, 2], pa.int16()), "unsigned": pa.array([1, 1 << 63], pa.uint64()), "half": pa.array([0.5, None], pa.float32()),
        "code": pa.array(["a", "b"]).dictionary_encode(), "large": pa.array(["x", None], pa.large_string()),
        "nested": pa.array([{"x": [1, None]}, None]), "price": pa.array([None, None], pa.decimal128(5, 2)),
    })  # fmt: skip

    got = pq.read_table(write(tmp_path, batch) / "j.1.0.0.parquet")

    assert [str(t) for t in got.schema.types] == ["date32[day]", "timestamp[us, tz=UTC]", "int64", "string", "double", "string",
                                                  "string", "string", "decimal128(5, 2)"]  # fmt: skip
    assert got["unsigned"].to_pylist() == ["1", str(1 << 63)]
    assert got["nested"].to_pylist() == ['{"x":[1,null]}', None]
    assert len(write(tmp_path / "c", batch, form="csv").joinpath("j.1.0.0.csv").read_text().splitlines()) == 3


def test_types_that_meet_text_are_spelled(tmp_path: Path) -> None:
    import datetime
    import decimal

    columns = Columns()
    typed = pa.record_batch({"at": [datetime.date(2024, 1, 2)], "d": [decimal.Decimal("1.50")], "b": [True], "f": [1.0]})
    columns.take(typed)
    columns.take(columns_of(Batch([dict.fromkeys(["at", "d", "b", "f"], "x")])))

    assert columns.fit(typed).to_pylist() == [{"at": "2024-01-02", "d": "1.50", "b": "true", "f": "1.0"}]


def test_names_that_repeat_are_one_column_the_last(tmp_path: Path) -> None:
    twice = pa.RecordBatch.from_arrays([pa.array(["1"]), pa.array(["2"])], names=["a", "a"])

    assert pq.read_table(write(tmp_path, twice) / "j.1.0.0.parquet").to_pylist() == [{"a": "2"}]


def test_rows_and_columns_may_mix_in_a_part(tmp_path: Path) -> None:
    there = open_destination("parquet", str(tmp_path))
    there.write(key(), 1, iter([Batch(pa.record_batch({"a": ["1"], "b": ["2"]})), Batch([{"a": "3", "b": None}])]))

    assert pq.read_table(tmp_path / "s").to_pylist() == [{"a": "1", "b": "2"}, {"a": "3", "b": None}]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_what_cannot_be_columns_is_told(tmp_path: Path, form: str) -> None:
    there = open_destination(form, str(tmp_path))
    with pytest.raises(DataFault, match="without any member"):
        there.write(key(), 1, iter([Batch([{}, {}])]))
    with pytest.raises(DataFault, match="half a character"):
        there.write(key(), 1, iter([Batch([{"a": "\ud800"}])]))


def test_memory_stays_flat_while_a_part_grows(tmp_path: Path) -> None:
    def batches(n: int) -> Iterator[Batch]:
        for i in range(n):
            yield Batch(pa.record_batch({"a": [f"{i}.{j:0200}" for j in range(500)]}))

    there = open_destination("parquet", str(tmp_path), options={"group_bytes": 1 << 20})
    peaks = []
    for part, n in enumerate((20, 200)):
        pool = pa.system_memory_pool()
        old = pa.default_memory_pool()
        pa.set_memory_pool(pool)
        try:
            peak = 0

            def watched(n: int = n) -> Iterator[Batch]:
                nonlocal peak
                for b in batches(n):
                    peak = max(peak, pa.total_allocated_bytes())
                    yield b

            there.write(key(part), 1, watched())
        finally:
            pa.set_memory_pool(old)
        peaks.append(peak)
    assert peaks[1] < peaks[0] * 1.5 + (1 << 20), peaks


@pytest.mark.parametrize(("schema", "kinds"), [
    (None, []), ({"type": "object"}, []), ({"properties": []}, []), ({"properties": {"a": True}}, ["string"]),
    ({"properties": {"a": {"type": ["integer", "number", "null"]}}}, ["double"]), ({"properties": {"a": {"type": "strange"}}}, ["string"]),
])  # fmt: skip
def test_any_schema_is_read(schema: Any, kinds: list[str]) -> None:
    assert [str(kind) for _, kind in declared(schema)] == kinds


def test_a_number_that_json_does_not_have_is_kept_in_parquet(tmp_path: Path) -> None:
    got = pq.read_table(write(tmp_path, pa.record_batch({"f": [math.inf, 1.0]})) / "j.1.0.0.parquet")
    assert got["f"].to_pylist() == [math.inf, 1.0]


def test_forms_are_forms() -> None:
    forms: list[Form] = [Csv(), Parquet()]
    assert [f.suffix for f in forms] == [".csv", ".parquet"]
    assert Place("s", Path()).schema is None
