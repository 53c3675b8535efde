"""Celigo's helpers, one by one; paths, mappings and filters."""

from __future__ import annotations

from typing import Any

import pytest

from jobstream.template.handlebars import Handlebars
from jobstream.template.language import Scope, TemplateFault
from jobstream.template.reshape import all_at, at, holds, is_one_of, keys_of, reshaped, resource, status

RECORD = {
    "s": "a-b-c",
    "n": 5,
    "l": ["x", "y"],
    "t": " pad ",
    "o": {"k": [1, 2]},
    "e": "",
    "z": 0,
    "d": "2024-01-02T03:04:05.678Z",
    "f": 1.5,
    "yes": True,
}


def bars(template: str) -> str:
    return Handlebars({}, lambda: 1704164645.678).text(template, Scope({k: lambda v=v: v for k, v in RECORD.items()}))  # type: ignore[misc]


@pytest.mark.parametrize(("template", "text"), [
    ("split s '-'", "a"), ("split s '-' 2", "c"), ("split s '-' 9", ""), ("split s '' 1", "-"), ("join '+' 'a' n null", "a+5+"), ("join ',' l", "x,y"),
    ("replace s '-' '+'", "a+b+c"), ("substring s 1 3", "-b"), ("substring s 3", "-c"), ("substring s 9 -1", "a-b-c"), ("lowercase 'ÄB'", "äb"), ("uppercase s", "A-B-C"),
    ("trim t", "pad"), ("capitalize 'ab cd'", "Ab cd"), ("capitalizeAll 'ab cd'", "Ab Cd"), ("getValue e 'd'", "d"), ("getValue z 'd'", "0"), ("first l", "x"),
    ("last l", "y"), ("first l 1", "x"), ("last l 2", "x,y"), ("arrayify s", "a-b-c"), ("arrayify l", "x,y"), ("count l", "2"), ("reverse l", "y,x"),
    ("regexReplace s '+' '-'", "a+b+c"), ("regexReplace s '+' '-' 'g'", "a+b+c"), ("regexSearch s 'b'", "2"), ("regexSearch s 'q'", "-1"), ("regexMatch s '[a-c]' 1", "b"),
    ("regexMatch s '[a-c]' 7", ""), ("jsonSerialize o", '{"k":[1,2]}'), ("jsonStringify l", '["x","y"]'), ("lookup (jsonParse '{\"a\": 1}') 'a'", "1"),
    ("jsonEncode 'q\"'", 'q\\"'), ("encodeURI 'a b/ä'", "a%20b%2F%C3%A4"), ("decodeURI 'a%20b'", "a b"), ("base64Encode 'ä'", "w6Q="), ("base64Decode 'w6Q='", "ä"),
    ("hash 'md5' 'hex' 'abc'", "900150983cd24fb0d6963f7d28e17f72"), ("hash 'SHA256' 'base64' 'abc'", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
    ("hmac 'sha256' 'key' 'hex' 'abc'", "9c196e32dc0175f86f4b1cb89289d6619de6bee699e4c378e68309ed97a1a6ab"), ("add n '2' 0.5", "7.5"), ("add 1 2 3", "6"), ("subtract n 7", "-2"),
    ("multiply n 0.2", "1"), ("divide n 2", "2.5"), ("modulo n 3", "2"), ("abs -5", "5"), ("ceil f", "2"), ("floor f", "1"), ("round f", "2"), ("toFixed f 2", "1.50"),
    ("toFixed n", "5"), ("sum o.k", "3"), ("sum 1 '2.5'", "3.5"), ("avg o.k", "1.5"), ("avg 1 3", "2"), ("compare n '>' 4", "true"), ("compare 'b' '<' 'a'", "false"),
    ("compare n '==' '5'", "true"), ("compare n '===' '5'", "false"), ("compare n '!=' '5'", "false"), ("compare n '!==' '5'", "true"), ("compare n '<=' 5", "true"),
    ("compare 'x' '>=' 5", "true"), ("compare yes '==' 1", "true"), ("eq l 'x,y'", "true"), ("ne n 5", "false"), ("gt n 4", "true"), ("gte n 5", "true"), ("lt n 4", "false"),
    ("lte n 4", "false"), ("eq null e", "false"), ("contains l 'y'", "true"), ("contains s '-b'", "true"), ("and n s", "true"), ("and n e", "false"), ("or z e", "false"),
    ("or z n", "true"), ("not z", "true"), ("timestamp", "2024-01-02T03:04:05.678Z"), ("timestamp 'YYYY' 'Asia/Tokyo'", "2024"), ("dateAdd d 3600000", "2024-01-02T04:04:05.678Z"),
    ("dateAdd '' -1000", "2024-01-02T03:04:04.678Z"), ("dateFormat 'YYYY-MM-DD' d", "2024-01-02"), ("dateFormat 'YY M D H m s S SS SSS' d", "24 1 2 3 4 5 6 67 678"),
    ("dateFormat 'MMM MMMM Do d ddd dddd' d", "Jan January 2nd 2 Tue Tuesday"), ("dateFormat 'hh:mm A h a' d", "03:04 AM 3 am"), ("dateFormat 'HH ZZ Z' d '' 'Asia/Tokyo'", "12 +0900 +09:00"),
    ("dateFormat 'Z' d '' 'America/New_York'", "-05:00"), ("dateFormat 'X x [at]' d", "1704164645 1704164645678 at"), ("dateFormat 'hh A' '2024-01-01T13:00:00Z'", "01 PM"),
    ("dateFormat 'a' '2024-01-01T13:00:00Z'", "pm"), ("dateFormat 'Do' '2024-01-11'", "11th"), ("dateFormat 'Do' '2024-01-03'", "3rd"), ("dateFormat 'Do' '2024-01-21'", "21st"),
    ("dateFormat 'YYYY-MM-DD' '03/02/2024' 'DD/MM/YYYY'", "2024-02-03"), ("dateFormat 'HH:mm' '1:05 pm' 'h:mm a'", "13:05"), ("dateFormat 'HH' '12 AM' 'hh A'", "00"),
    ("dateFormat 'YYYY-MM-DD' '3 February 24' 'D MMMM YY'", "2024-02-03"), ("dateFormat 'x' '5' 'x'", "5"), ("dateFormat 'X' '5' 'X'", "5"), ("dateFormat 'YYYY' 86400000", "1970"),
    ("dateFormat 'HH:mm' '10:00 +02:00' 'HH:mm Z'", "08:00"), ("dateFormat 'HH:mm' '10:00 -0230' 'HH:mm ZZ'", "12:30"), ("dateFormat 'HH:mm' '10:00 Z' 'HH:mm Z'", "10:00"),
    ("dateFormat 'SSS' '10.5' 's.S'", "500"), ("dateFormat 'HH:mm' '10:00' 'HH:mm' 'Asia/Tokyo'", "10:00"), ("dateFormat '[T]' null", "T"), ("dateFormat 'D' 'on 5' '[on] D'", "5"),
    ("jsonPath o '$.k[1]'", "2"), ("isOneOf n '5' 'x'", "true"), ("keeps o '[\"isnotempty\", [\"extract\", \"k\"]]'", "true"), ("jsonSerialize (reshaped o '[[\"k[0]\", \"a.b\"]]')", '{"a":{"b":1}}'),
    ("statusOf 'k[0]' o", "1"), ("resourceOf l ''", "x"),
])  # fmt: skip
def test_helpers(template: str, text: str) -> None:
    assert bars("{{{" + template + "}}}") == text


@pytest.mark.parametrize(("template", "said"), [
    ("compare 1 '~' 2", "compare knows"), ("jsonParse '{'", "jsonParse: "), ("base64Decode 'a'", "base64Decode: "), ("hash 'crc' 'hex' 'a'", "no hash 'crc'"),
    ("divide 1 0", "divide: "), ("add 'x'", "add: "), ("toFixed 1 101", "toFixed: "), ("avg (jsonParse '[]')", "avg: "), ("dateFormat 'Y' d '' 'Mars/X'", "no time zone"),
    ("dateFormat 'YYYY' 'x' 'YYYY'", "does not have the format"), ("dateFormat 'YYYY' 'x' 'dddd'", "cannot be read by 'dddd'"), ("dateFormat 'YYYY' '31.2.' 'D.M.'", "cannot be read"),
    ("dateFormat 'YYYY' '1 1' 'D D'", "cannot be read"), ("dateAdd d 1000000000000000000000", "dateAdd: "), ("dateFormat 'YYYY' 'x'", "no ISO date"), ("dateFormat 'YYYY' '5 Foo' 'D MMM'", "cannot be read"),
    ("replace (replace s 'a' s) 'a'", "replace: "), ("regexMatch s '(' 0", "no regular expression"), ("dateAdd d 'x'", "dateAdd: "), ("keeps o 'x'", "keeps: "),
])  # fmt: skip
def test_a_helper_that_cannot_says_why(template: str, said: str) -> None:
    with pytest.raises(TemplateFault) as e:
        bars("{{{" + template + "}}}")
    assert said in str(e.value)


VALUE = {"a": {"b": [{"c": 1}, {"c": 2}]}, "x.y": 5, "l": [1, 2]}


@pytest.mark.parametrize(("path", "found"), [
    ("a.b[0].c", [1]), ("a.b[1]", [{"c": 2}]), ("a.b[*].c", [1, 2]), ("$.a.b[0].c", [1]), ("$.a.b[*].c", [1, 2]), ("$['a']['b'][1].c", [2]), ("$..c", [1, 2]),
    ("$.a.b[?@.c>1].c", [2]), ("/a/b/0/c", [1]), ("x.y", [5]), ("a.q", []), ("l[7]", []), ("l.x", []), ("l.0.q", []), ("$.*", list(VALUE.values())), ("a.*.0.c", [1]), ("$", [VALUE]),
])  # fmt: skip
def test_paths(path: str, found: Any) -> None:
    assert all_at(VALUE, path) == found


def test_a_path_that_is_more_than_keys_and_one_that_is_none() -> None:
    assert keys_of("$..c") is None and at(VALUE, "") == VALUE and at(VALUE, "q") is None
    for path in ("$.a[?match(@.b, 'x')]", "$.a[?", "a" * 2000):
        with pytest.raises(TemplateFault):
            keys_of(path)


def test_resource_status_and_lists_of_values() -> None:
    assert (
        resource({"j": [{"a": 1}]}, "j") == {"a": 1} and resource({"j": []}, "j") == [] and resource({"j": 1}, "") == {"j": 1}
    )
    assert status("s", {"s": None}, {"s": True}) == "true" and status("s", {}) == "null" and status("s", {"s": "x"}) == "x"
    assert is_one_of(100, "100") and is_one_of(None, "null") and is_one_of(True, "true") and not is_one_of("true ", "true")


def test_a_mapping_makes_a_new_record() -> None:
    record = {"a": {"b": 1}, "l": [{"i": 1}, {"i": 2}], "My Field": "m"}

    assert reshaped(record, [("a.b", "x.y"), ("l[*].i", "ids"), ("*.i", "none"), ("My Field", "m"), ("q", "q"), ("a", "x"), ("a.b", "$.z"), ("a.b", "m.n"), ("a.b", "*")]) == {
        "x": {"b": 1}, "ids": [1, 2], "m": "m", "z": 1, "n": 1}  # fmt: skip


@pytest.mark.parametrize(("rule", "kept"), [
    (["equals", ["string", ["extract", "s"]], "open"], True), (["notequals", ["extract", "s"], "open"], False), (["greaterthan", ["number", ["extract", "n"]], 4], True),
    (["greaterthanequals", ["number", ["extract", "n"]], 5], True), (["lessthan", ["number", ["extract", "q"]], 5], False), (["lessthanequals", ["extract", "n"], 5], True),
    (["startswith", ["extract", "s"], "op"], True), (["endswith", ["extract", "s"], "op"], False), (["contains", ["extract", "s"], "pe"], True),
    (["doesnotcontain", ["extract", "s"], "pe"], False), (["isempty", ["extract", "q"]], True), (["isnotempty", ["extract", "s"]], True),
    (["and", ["equals", 1, 1], ["or", ["equals", 1, 2], ["not", ["equals", 1, 2]]]], True), (["equals", ["boolean", ["extract", "b"]], True], True),
    (["greaterthan", ["epochtime", ["extract", "d"]], ["epochtime", 5]], True), (["equals", ["lowercase", "AB"], "ab"], True), (["equals", ["uppercase", "ab"], "AB"], True),
    (["equals", ["ceiling", 1.2], 2], True), (["equals", ["floor", 1.8], 1], True), (["equals", ["abs", -1], 1.0], True), (["extract"], False), ([], False),
    (["equals", ["number", "x"], ["number", "x"]], False), ("text", True),
])  # fmt: skip
def test_filters(rule: Any, kept: bool) -> None:
    assert holds({"s": "open", "n": 5, "b": "True", "d": "2024-01-01"}, rule) is kept


def test_a_filter_that_cannot_be_judged() -> None:
    deep: Any = ["not", 1]
    for _ in range(60):
        deep = ["not", deep]
    for rule in (["greaterthan", "x", 1], ["ceiling", "x"], ["equals", 1], deep):
        with pytest.raises(TemplateFault):
            holds({}, rule)
