"""Text -> values with places, and one value changed with every other byte kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jobstream.documents.text import read, token
from jobstream.errors import DocumentError

SOURCES = sorted((Path(__file__).parents[2] / "examples").glob("*/manifest.yaml"))
TEXT = """\
a: &x {b: 1, c: yes}   # kept
d:
  <<: *x
  b: 012
f:
  - 1
  # a comment
  - k: [pending]  # there is no queued
    'odd/key': 12:30:00
when: 2024-01-01
block:
  - one
  - two   # two

  # after it
tail: "x"
"""


def test_values_are_those_that_airbyte_reads_but_a_date_stays_text() -> None:
    value = read("m.yaml", TEXT).value
    assert value == {
        "a": {"b": 1, "c": True}, "d": {"b": 10, "c": True}, "f": [1, {"k": ["pending"], "odd/key": 45000}], "when": "2024-01-01",
        "block": ["one", "two"], "tail": "x",
    }  # fmt: skip


def test_every_value_has_its_line() -> None:
    t = read("m.yaml", TEXT)
    lines = {
        "/a/c": 1,
        "/d": 2,
        "/d/b": 4,
        "/f/0": 6,
        "/f/1/k/0": 8,
        "/f/1/odd~1key": 9,
        "/block/1": 13,
        "/tail": 16,
        "/f/1/nothing/there": 8,
    }
    assert {p: t.line(p) for p in lines} == lines
    assert (t.line(""), t.line("/nothing"), t.line("/d/c")) == (1, 1, 1)


def test_keys_written_twice_are_told_with_both_lines() -> None:
    repeats = read("m.yaml", "a: 1\nb:\n  c: 1\n  c: 2\na: 3\n").repeats
    assert [(r.pointer, r.first, r.line) for r in repeats] == [("/b/c", 3, 4), ("/a", 1, 5)]
    assert [(r.pointer, r.first, r.line) for r in read("m.json", '{"a": 1,\n "a": 2}').repeats] == [("/a", 1, 2)]


@pytest.mark.parametrize(("text", "where", "message"), [
    ("a: [1\n", "m.yaml:2:1", "Unclosed flow sequence"),
    ("a: 1\n b: 2\n", "m.yaml:2:3", "mapping values are not allowed"),
    ("a: 1\nb: *no\n", "m.yaml:2:4", "undefined alias"),
    ("[" * 5000, "m.yaml", "nested"),
    ("a: !python/object:os.system x", "m.yaml:1", "the tag"),
    ("a: 1\n---\nb: 2\n", "m.yaml:2:1", "another document"),
    ("? [a]\n: 1\n", "m.yaml:1", "a key must be text"),
    ("a: &a [*a]\n", "m.yaml:1", "nested deeper"),
    ("a: \x01\n", "m.yaml", "character"),
])  # fmt: skip
def test_a_text_that_cannot_be_read_is_told_with_its_place(text: str, where: str, message: str) -> None:
    with pytest.raises(DocumentError) as e:
        read("m.yaml", text)
    assert e.value.where.startswith(where) and message in e.value.message


def test_an_alias_bomb_ends_quickly() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]", *(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9))]
    with pytest.raises(DocumentError, match="aliases"):
        read("m.yaml", "\n".join(lines))


def test_json_is_read_by_its_own_rules_and_has_lines_too() -> None:
    t = read("m.json", '{\n\t"a": "\\ud83d\\ude00\\u00e9\\\\u0041",\n  "e": 1e3, "t": "yes",\n  "deep": [{"x": null}]\n}')
    assert t.value == {"a": "😀é\\u0041", "e": 1000.0, "t": "yes", "deep": [{"x": None}]}
    assert [t.line(p) for p in ("/a", "/t", "/deep/0/x")] == [2, 3, 4]
    for text, where in (('{"a": 1,}', "m.json:1:"), ('{"a": NaN}', "m.json"), ("[" * 100_000, "m.json")):
        with pytest.raises(DocumentError) as e:
            read("m.json", text)
        assert e.value.where.startswith(where)


@pytest.mark.parametrize(("pointer", "value", "line"), [
    ("/f/1/k", ["pending", "queued"], '  - k: ["pending", "queued"]  # there is no queued'),
    ("/a/c", False, "a: &x {b: 1, c: false}   # kept"),
    ("/tail", "yes", 'tail: "yes"'),
    ("/d/b", None, "  b: null"),
    ("/f/1/odd~1key", "1:30", "    'odd/key': \"1:30\""),
    ("/when", "é — 012", 'when: "é — 012"'),
])  # fmt: skip
def test_one_value_changes_and_every_other_line_stays(pointer: str, value: Any, line: str) -> None:
    if pointer == "/a/c":
        with pytest.raises(DocumentError, match="by itself"):  # an alias shares it
            read("m.yaml", TEXT).edit(pointer, value)
        return
    after = read("m.yaml", TEXT).edit(pointer, value).splitlines()
    changed = [(a, b) for a, b in zip(TEXT.splitlines(), after, strict=True) if a != b]
    assert [b for _, b in changed] == [line]


def test_a_block_changes_and_the_comment_behind_it_stays() -> None:
    after = read("m.yaml", TEXT).edit("/block", ["three"])
    assert 'block:\n  ["three"]\n\n  # after it\ntail: "x"\n' in after
    with pytest.raises(DocumentError, match="nothing at"):
        read("m.yaml", TEXT).edit("/nope/0", 1)


def pointers(value: Any, at: str = "") -> list[str]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([at] if at else []), *(p for k, v in inner for p in pointers(v, f"{at}/{token(k)}"))]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_edit_of_any_example_means_what_it_says(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SOURCES)).read_text()
    t = read("m.yaml", text)
    pointer = data.draw(st.sampled_from(pointers(t.value)))
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(-9, 99)
        | st.sampled_from(["yes", "012", "1:30", "", "{{ x }}", "a: b", "# c", "'", '"', "é\n"])
    )
    value = data.draw(
        scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.sampled_from(["a", "b c"]), scalars, max_size=2)
    )
    after = t.edit(pointer, value)
    got = yaml.safe_load(after)
    for key in pointer.split("/")[1:]:
        got = got[int(key)] if isinstance(got, list) else got[key]
    assert got == json.loads(json.dumps(value))


def test_what_is_odd_is_read_all_the_same() -> None:
    digits = "9" * 6000
    assert read("m.yaml", f"a: {digits}\n").value == {"a": digits}, "more digits than Python converts"
    key = "k" * 2000
    t = read("m.json", '{"' + key + '": 1}')
    assert t.value == {key: 1} and t.line(f"/{key}") == 1, "YAML's reader gives up on such keys"
    assert read("m.yaml", "").value is None and read("m.yaml", "# nothing\n").value is None
    with pytest.raises(DocumentError, match="MiB"):
        read("m.yaml", "#" * ((16 << 20) + 1))


def test_a_byte_order_mark_stays() -> None:
    for name, text, after in (
        ("m.yaml", "\ufeffa: 1\nb: é\n", "\ufeffa: 1\nb: 2\n"),
        ("m.json", '\ufeff{"b": 1}', '\ufeff{"b": 2}'),
    ):
        assert read(name, text).edit("/b", 2) == after
    assert read("m.yaml", "a: 1\r\nb: 1\r\n").edit("/b", 2) == "a: 1\r\nb: 2\r\n"
