"""CSV reads exactly as Python's csv module reads it, at any block size, and says what it cannot read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobstream.components.decoders import csv as csv_decoder
from jobstream.components.decoders.csv import Csv
from jobstream.records.counts import DataFault, Tally
from jobstream.template.language import Scope
from tries import Dribble, built, many, rows_of, some


@pytest.fixture(scope="module", autouse=True, params=["by Arrow", "as it comes"])
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    """A few bytes are read by the csv module; here they go both ways."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "by Arrow":
            patch.setattr(csv_decoder, "_FEW", 0)
        yield


BOMS = {"utf-8-sig": "utf-8", "utf-16": "utf-16", "utf-32": "utf-32"}


def decode(raw: bytes, **options: Any) -> list[dict[str, Any]]:
    return rows_of(built("decoder", "csv", **options), raw)


def fault(raw: bytes, **options: Any) -> DataFault:
    with pytest.raises(DataFault) as caught:
        decode(raw, **options)
    return caught.value


def tiny(block: int, **options: Any) -> Any:
    """Blocks smaller than people may set."""
    return Csv(**options, block=block)


def reference(text: str, nulls: tuple[str, ...] = (), **dialect: Any) -> list[dict[str, Any]] | None:
    """Python's csv module; None where a quote is open at the end."""
    lines = io.StringIO(text + ("" if text.endswith("\n") else "\n") + "\x1eEND\n", newline="")
    rows = list(csv.reader(lines, **dialect))
    if not rows or rows[-1] != ["\x1eEND"]:
        return None
    rows = [r for r in rows[:-1] if r]
    if not rows:
        return []
    head, *rest = rows
    out = [dict(zip_longest(head, r[: len(head)])) for r in rest]
    return [{k: None if v in nulls else v for k, v in r.items()} for r in out]


cells = st.text(st.sampled_from("ab1 ,;\"'\r\n\t\\#\0é€😀"), max_size=6)
tables = st.integers(1, 4).flatmap(
    lambda n: st.tuples(st.lists(cells, min_size=n, max_size=n, unique=True), st.lists(st.lists(cells, min_size=n, max_size=n)))
)


@many
@given(tables, st.sampled_from(",;\t|§"), st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from([0, 1, 2]),
       st.integers(1, 40), st.booleans())  # fmt: skip
def test_what_the_csv_module_writes_is_read_back(
    table: Any, delimiter: str, ending: str, quoting: Any, block: int, end: bool
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=ending, quoting=quoting).writerows([table[0], *table[1]])
    text = out.getvalue() if end else out.getvalue().removesuffix(ending)
    expected = reference(text, delimiter=delimiter)

    assert rows_of(tiny(block, delimiter=delimiter, ragged="pad", duplicates="last"), Dribble(text.encode(), block)) == expected


soup = st.text(st.sampled_from('ab,"\n\r\\ é'), max_size=60)


@many
@given(soup, st.integers(1, 30), st.sampled_from([{}, {"double_quote": False}, {"escape": "\\"}, {"quote": ""},
                                                  {"quote": "", "escape": "\\"}, {"nulls": ("", "a")}]))  # fmt: skip
@example('a\n"\n"\n"\nb', 3, {})
@example('a,b\n5" x,1\n"z', 4, {})
@example("a\\\r\nb\n", 1, {"escape": "\\"})
@example('""\\', 1, {"escape": "\\"})
@example('""\\\n,\n', 1, {"escape": "\\", "double_quote": False})
def test_any_text_reads_as_the_csv_module_reads_it_or_is_an_unterminated_quote(text: str, block: int, options: Any) -> None:
    dialect: dict[str, Any] = {"doublequote": options.get("double_quote", True), "escapechar": options.get("escape") or None}
    dialect |= {"quoting": csv.QUOTE_NONE} if options.get("quote") == "" else {}
    expected = reference(text, options.get("nulls", ()), **dialect)
    reader = tiny(block, **options, ragged="pad", duplicates="last", lone="take")

    if expected is None:
        with pytest.raises(DataFault, match="quote"):
            rows_of(reader, text.encode())
    else:
        assert rows_of(reader, Dribble(text.encode(), block)) == expected


@some
@given(
    tables, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "cp1252", "latin-1"]), st.integers(1, 40)
)
def test_every_encoding_gives_the_same_text(table: Any, encoding: str, block: int) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([table[0], *table[1]])
    text = out.getvalue().lstrip("\0").replace("😀", "x").replace("€", "é" if encoding == "latin-1" else "€")
    expected = reference(text)
    options = {"encoding": "" if encoding in BOMS or encoding == "utf-8" else encoding, "duplicates": "last", "ragged": "pad"}
    assert rows_of(tiny(block, **options), Dribble(text.encode(encoding), block)) == expected


def test_twice_the_same_bytes_give_twice_the_same_batches() -> None:
    raw = b"a,b\n" + b'1,"x\ny"\n' * 500 + b"1\n" + b"2,3\n" * 500
    decoder = built("decoder", "csv", ragged="pad", block=1024)
    runs = [[b.rows() for b in decoder.decode(io.BytesIO(raw), Tally(), Scope({}))] for _ in range(2)]
    assert runs[0] == runs[1]
    assert sum(map(len, runs[0])) == 1001


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_values_stay_as_they_were_written(ending: str) -> None:
    raw = ("n,d,b,s\n007,1.10,true, NULL \n" + '"","12345678901234567890123","NaN","a\r\n""b"""' + ending).encode()
    assert decode(raw) == [{"n": "007", "d": "1.10", "b": "true", "s": " NULL "},
                           {"n": "", "d": "12345678901234567890123", "b": "NaN", "s": 'a\r\n"b"'}]  # fmt: skip


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"\xef\xbb\xbf", b"a,b", b"a,b\n", b"a,b\r\n\r\n"])
def test_an_empty_file_and_a_header_alone_have_no_rows(raw: bytes) -> None:
    assert decode(raw) == []


def test_ragged_rows_stop_or_are_counted_or_are_filled() -> None:
    raw = b"a,b\n1\n2,3,4\n5,6\n"
    assert fault(raw).seen == "row 1 has 1 cells, 2 are named: ['1']"
    tally = Tally()
    assert rows_of(built("decoder", "csv", ragged="skip"), raw, tally) == [{"a": "5", "b": "6"}]
    assert (tally.read, tally.bad) == (2, 2)
    assert "row 1" in tally.first_bad
    assert decode(raw, ragged="pad") == [{"a": "1", "b": None}, {"a": "2", "b": "3"}, {"a": "5", "b": "6"}]


def test_a_fault_names_the_row_of_the_file() -> None:
    assert "row 2001 " in fault(b"a,b\n" + b"1,2\n" * 2000 + b"3\n", block=1024).seen


def test_a_column_named_twice_is_an_error_unless_a_policy_is_chosen() -> None:
    raw = b"a,b,a,a\n1,2,3,4\n"
    assert "'a' is named 3 times" in fault(raw).seen
    assert decode(raw, duplicates="rename") == [{"a": "1", "b": "2", "a.1": "3", "a.2": "4"}]
    assert decode(b"a,a.1,a\n1,2,3\n", duplicates="rename") == [{"a": "1", "a.1": "2", "a.2": "3"}]
    assert decode(raw, duplicates="last") == [{"a": "4", "b": "2"}]


def test_headers_may_be_given_replaced_skipped_or_made_up() -> None:
    raw = b"x,y\n1,2\n"
    assert decode(raw, fields=["p", "q"]) == [{"p": "1", "q": "2"}]
    assert decode(raw, header="none") == [{"f0": "x", "f1": "y"}, {"f0": "1", "f1": "2"}]
    assert decode(raw, header="none", fields=["p", "q"])[0] == {"p": "x", "q": "y"}
    report = b'Report "x\n\nx,y\nunit,unit\n\n-,-\n1,2'
    assert decode(report, skip_before=1, skip_after=2) == [{"x": "1", "y": "2"}]
    assert decode(b"a", skip_before=3) == []
    assert decode(b"a\nb", skip_after=3) == []


def test_comments_are_passed_over_and_are_not_read_inside_quotes() -> None:
    raw = b'#it\'s "open\na,b\n#,"\n1,"x\n#y"\n#end'
    assert decode(raw, comment="#") == [{"a": "1", "b": "x\n#y"}]
    assert rows_of(tiny(3, comment="#"), raw) == [{"a": "1", "b": "x\n#y"}]


def test_strict_quotes() -> None:
    assert decode(b'a\n"x"y\n') == [{"a": "xy"}]
    assert "expected after" in fault(b'a\n"x"y\n', strict=True).seen
    assert "expected after" in fault(b'"x"y\n1\n', strict=True).seen
    assert decode(b'a\n"x"\ny\n', strict=True) == [{"a": "x"}, {"a": "y"}]


def test_nul_bytes_are_kept_taken_out_or_refused() -> None:
    assert decode(b"a\nx\0y\n") == [{"a": "x\0y"}]
    assert decode(b"a\nx\0y\n", nul="strip") == [{"a": "xy"}]
    assert "NUL" in fault(b"a\nx\0y\n", nul="stop").seen
    assert rows_of(tiny(2, nul="strip"), Dribble(b"a\n\0\0\0\0x\n", 2)) == [{"a": "x"}]


def test_the_byte_that_is_no_character_is_named() -> None:
    assert "byte 0xe9 at 4 is not utf-8" in fault("a\nüé\n".encode()[:4] + b"\xe9\n").seen
    raw = b"a\n" + "ü".encode() * 3000 + b"\xff"
    assert "byte 0xff at 6002 " in fault(raw, block=1024).seen
    assert fault(b"a\n\xc3").code == "data.encoding"


def test_a_byte_order_mark_beats_the_option_which_beats_the_header() -> None:
    latin = Scope({"answer": lambda: {"headers": {"content-type": "text/csv; charset=ISO-8859-1"}}})
    raw = "é\nü\n".encode("latin-1")
    assert rows_of(built("decoder", "csv"), raw, names=latin) == [{"é": "ü"}]
    assert rows_of(built("decoder", "csv", encoding="cp1251"), raw, names=latin) == [{"й": "ь"}]
    assert rows_of(built("decoder", "csv", encoding="cp1251"), "é\nü\n".encode("utf-8-sig"), names=latin) == [{"é": "ü"}]
    assert rows_of(built("decoder", "csv"), b"a\n1\n", names=Scope({"answer": lambda: None})) == [{"a": "1"}]


def test_a_row_longer_than_a_block_is_read_and_one_longer_than_the_limit_is_not() -> None:
    long = "x\n" * 100_000
    assert decode(f'a,b\n1,"{long}"\n2,3\n'.encode(), block=1024) == [{"a": "1", "b": long}, {"a": "2", "b": "3"}]
    assert "a row longer than 2048" in fault(f'a\n"{long}"\n'.encode(), block=1024, longest=2048).seen
    assert "unterminated" in fault(f'a\n1\n"{long}\n'.encode(), block=1024).seen


def test_a_million_fields_in_a_row_are_an_error_and_not_a_hang() -> None:
    raw = b"1," * 1_000_000 + b"1\n"
    assert "1000001 columns" in fault(raw).seen
    assert "row 1 has 1000001 cells" in fault(b"a,b\n" + raw).seen


def test_signs_that_contradict_each_other_are_a_fault_of_the_options() -> None:
    bad: dict[str, Any]
    for bad in ({"delimiter": '"'}, {"quote": "\n"}, {"escape": ","}):
        with pytest.raises(ValueError, match="wrong_value"):
            built("decoder", "csv", **bad)


def test_options_have_a_page_and_a_schema() -> None:
    assert msgspec.json.schema(Csv)["$defs"]["Csv"]["properties"]["block"]["minimum"] == 1024
