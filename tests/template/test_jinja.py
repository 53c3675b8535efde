"""Airbyte's templates: names, undefined, macros, filters, objects, and what a rendered text is."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobstream.template.direct import pieces_of, rendered
from jobstream.template.jinja import Jinja
from jobstream.template.language import Plain, Scope, TemplateFault, spell
from jobstream.template.seen import Headers, SliceView, answered

NOW = 1704164645.678901  # 2024-01-02 03:04:05.678901 UTC
NAMES = {"creation_response": "created.view", "polling_response": "polled.view", "download_target": "target.value", "stream_slice": "slice.flat",
         "stream_partition": "slice.flat", "stream_interval": "slice.flat", "headers": "answer.headers", "response": "answer.body"}  # fmt: skip
CONFIG: dict[str, Any] = {"a": {"b": "7"}, "l": [1, 2], "s": "text", "n": None, "items": "field", "id": "0123", "z": 0,
                          "when": dt.date(2024, 2, 3), "rows": [{"n": 1, "k": "x"}, {"n": 2, "k": "y"}]}  # fmt: skip
VIEW = {
    "id": "j1",
    "result": [{"exportId": "e"}],
    "headers": {"location": "L"},
    "request": {"url": "https://u", "headers": {"X-A": "1"}},
}
PIECE = {"partition": {"p": 1, "parent_slice": {"q": 2}}, "extra": {"x": 9}, "window": ["2024-01-01", "2024-01-31"],
         "flat": {"x": 9, "p": 1, "parent_slice": {"q": 2}, "start_time": "2024-01-01", "end_time": "2024-01-31"}}  # fmt: skip


def jinja() -> Jinja:
    return Jinja(NAMES, lambda: NOW, lambda: "a-uuid")


def scope(**more: Any) -> Scope:
    return Scope({"config": lambda: CONFIG, "created": lambda: {"view": VIEW, "body": {}}, "slice": lambda: PIECE}).plus(**more)


def value(source: str, **more: Any) -> Any:
    return jinja().value(source, scope(**more))


@pytest.mark.parametrize(("text", "found"), [
    ("123", 123), ("1_000", 1000), ("-5", -5), ("1e5", 100000.0), ("0x10", 16), ("0123", "0123"), ("1.2.3", "1.2.3"),
    ("2024-01-01", "2024-01-01"), ("null", "null"), ("true", "true"), ("nan", "nan"), ("True", True), ("None", None), ("1,2", (1, 2)),
    ("(1,)", (1,)), ("[1]", [1]), ("{'a': 1}", {"a": 1}), ("{1}", {1}), ("set()", set()), ('"x"', "x"), ("'x'", "x"), ("r'x'", "x"),
    ('{"a": true}', '{"a": true}'), (" 5", 5), ("1+2j", "1+2j"), ("b'x'", "b'x'"), ("...", "..."), ("https://x", "https://x"), ("/x", "/x"),
    ("\\d", "\\d"), ("'\\d'", "\\d"), ("[" * 300, "[" * 300), ("", ""), ("9" * 18, int("9" * 18)), ("\x00", "\x00"), ("f'x'", "f'x'"),
])  # fmt: skip
def test_a_rendered_text_is_read_as_a_python_literal(text: str, found: Any) -> None:
    got = value("{{ record.x }}", record={"x": text})

    assert got == found and type(got) is type(found)


@pytest.mark.parametrize(("source", "found"), [
    ("plain", "plain"), ("'7'", "7"), ("7", 7), ("{{ config['a']['b'] }}", 7), ("{{ config.a.b }}x", "7x"), ("'{{ config.id }}'", "0123"),
    ('{{ \'"\' ~ config.a.b ~ \'"\' }}', "7"), ("{{ config.a.b | string }}", 7), ("{{ 5 | string }}", "5"),
    ("{{ config.l | string }}", "[1, 2]"), ("{{ [1, 2] | join(',') }}", (1, 2)), ("{{ config.missing }}", ""), ("{{ config.get('x', 'd') }}", "d"),
    ("{{ config['x'] | default('d') }}", "d"), ("{{ config['x'] or 'd' }}", "d"), ("{{ config.n }}", None), ("{{ none }}", None),
    ("{{ config['l'][1] }}", 2), ("{{ config['items'] }}", "field"), ("{{ config.rows | selectattr('n', 'gt', 1) | map(attribute='k') | first }}", "y"),
    ("{{ config.rows | map(attribute='n') | list }}", [1, 2]), ("{{ 'yes' if config.s is defined else 'no' }}", "yes"),
    ("{% if config.z %}a{% else %}b{% endif %}", "b"), ("{% for x in config.l %}{{ x }}{% if not loop.last %}-{% endif %}{% endfor %}", "1-2"),
    ("{% for x in config.l if x > 1 %}{{ loop.length }}{% endfor %}", 1), ("{% set x = config.s %}{{ x }}\n", "text"),
    ("{% set l = [] %}{% for x in config.l %}{% set _ = l.append(x * 2) %}{% endfor %}{{ l }}", [2, 4]),
    ("{% set d = {} %}{% set _ = d.update({'a': 1}) %}{{ d }}", {"a": 1}), ("{% set ns = namespace(t=0) %}{% set ns.t = 5 %}{{ ns.t }}", 5),
    ("{% macro f(x) %}<{{ x }}{{ caller() }}>{% endmacro %}{% call f(1) %}in{% endcall %}", "<1in>"),
    ("{% set parameters = {'name': 'x', 'n': [1]} %}{{ parameters['name'] }}{{ parameters.get('q', 'd') }}", "xd"),
    ("{{ 'a' + 'b' }}", "ab"), ("{{ 2 ** 3 }}", 8), ("{{ 7 % 4 }}", 3), ("{{ '%s-%03d' % ('a', 7) }}", "a-007"), ("{{ '%(a)s' % {'a': 1.5} }}", 1.5),
    ("{{ '%d%%' | format(5) }}", "5%"), ("{{ '{}-{:>3}'.format('a', 1) }}", "a-  1"), ("{{ '{x}'.format_map({'x': 1}) }}", 1),
    ("{{ 3 * 'a' }}", "aaa"), ("{{ [1] * 2 }}", [1, 1]), ("{{ -config.l[0] }}", -1), ("{{ [1] + [2] }}", [1, 2]), ("{{ 2 * 1.5 }}", 3.0), ("{{ 2.0 ** 3 }}", 8.0),
    ("{{ 'a,b'.split(',') }}", ["a", "b"]), ("{{ '-'.join(['a', 1 | string]) }}", '-'.join(['a', '"""1"""'])), ("{{ 'abc'.replace('b', 'x') }}", "axc"),
    ("{{ 'a'.center(3) }}|", " a |"), ("{{ 'a\tb'.expandtabs(2) }}", "a b"), ("{{ config.keys() | length }}", len(CONFIG)), ("{{ 'x' in config }}", False),
    ("{{ {'x': [1]} == {'x': [1]} }}", True), ("{{ config.l.index(2) }}", 1), ("{{ 'é'.encode().hex() }}", "c3a9"), ("{{ (1.0).is_integer() }}", True),
    ("{{ cycler('a', 'b').next() }}", "a"), ("{% set j = joiner('+') %}{{ j() }}a{{ j() }}b", "a+b"), ("{{ dict(a=1) }}", {"a": 1}),
    ("{{ config.rows | groupby('k') | length }}", 2), ("{{ config.rows | sum('n') }}", 3), ("{{ 'a' | center(3) }}|", " a |"),
    ("{{ config.rows | join('-', attribute='k') }}", "x-y"), ("{{ 'x y' | urlencode }}", "x%20y"), ("{{ {'a': 1} | tojson }}", {"a": 1}),
    ("{{ config.l | batch(1) | list | length }}", 2), ("{{ 1.26 | round(1) }}", 1.3), ("{{ 'aaa' | replace('a', 'b', 2) }}", "bba"),
    ("{{ ['a', 'b'] | map('upper') | join }}", "AB"), ("{{ [3, 1] | sort | last }}", 3), ("{{ 'T' | lower }}", "t"), ("{{ {1, 2}.union }}", None),
])  # fmt: skip
def test_what_templates_of_real_manifests_give(source: str, found: Any) -> None:
    if source == "{{ {1, 2}.union }}":
        with pytest.raises(TemplateFault):
            value(source)
        return
    got = value(source)

    assert got == found and type(got) is type(found)


@pytest.mark.parametrize(("source", "found"), [
    ("{{ now_utc() }}", "2024-01-02 03:04:05.678901+00:00"), ("{{ today_utc() }}", "2024-01-02"), ("{{ now_utc().strftime('%Y-%m') }}", "2024-01"),
    ("{{ today_with_timezone('Pacific/Honolulu') }}", "2024-01-01"), ("{{ timestamp(5.9) }}", "5"), ("{{ timestamp('2024-01-01T00:00:00.5Z') }}", "1704067200.5"),
    ("{{ max(1, 3) }}{{ min([2, 1]) }}", "31"), ("{{ day_delta(-1) }}", "2024-01-01T03:04:05.678901+0000"), ("{{ day_delta(1, format='%Y%m%d') }}", "20240103"),
    ("{{ now_utc() - duration('P1D') }}", "2024-01-01 03:04:05.678901+00:00"), ("{{ (now_utc() - duration('P1M')).isoformat() }}", "2023-12-02T03:04:05.678901+00:00"),
    ("{{ format_datetime(now_utc(), '%Y/%m/%d') }}", "2024/01/02"), ("{{ format_datetime('2024-01-02', '%d.%m.%Y') }}", "02.01.2024"),
    ("{{ format_datetime(1704164645, '%Y') }}", "2024"), ("{{ format_datetime(1704164645678, '%H:%M', '%ms') }}", "03:04"),
    ("{{ format_datetime('02/01/2024', '%Y-%m-%d', '%d/%m/%Y') }}", "2024-01-02"), ("{{ format_datetime(today_utc(), '%Y') }}", "2024"),
    ("{{ format_datetime(now_utc(), '%s') }}", "1704164645"), ("{{ format_datetime(now_utc(), '%ms') }}", "1704164645678"),
    ("{{ format_datetime(now_utc(), '%s_as_float') }}", "1704164645.678901"), ("{{ format_datetime(now_utc(), '%epoch_microseconds') }}", "1704164645678901"),
    ("{{ format_datetime(now_utc(), '%S.%_msZ') }}", "05.678Z"), ("{{ format_datetime('1.5', '%Y', '%s_as_float') }}", "1970"),
    ("{{ format_datetime('10:00 +0200', '%H', '%H:%M %z') }}", "08"), ("{{ str_to_datetime('2024') }}", "2024-01-01 00:00:00+00:00"),
    ("{{ str_to_datetime('2024-03') }}", "2024-03-01 00:00:00+00:00"), ("{{ str_to_datetime('2024-03-01T10:00:00+02:00') }}", "2024-03-01 08:00:00+00:00"),
    ("{{ sanitize_url('a b/c') }}", "a+b%2Fc"), ("{{ camel_case_to_snake_case('HTTPServerID') }}", "h_t_t_p_server_i_d"), ("{{ generate_uuid() }}", "a-uuid"),
    ("{{ config.when.strftime('%d') }}", "03"), ("{{ config.when + duration('P1D') }}", "2024-02-04"), ("{{ config.when.weekday() }}", "5"),
    ("{{ 'abc' | hash }}", "900150983cd24fb0d6963f7d28e17f72"), ("{{ 'ab' | hash('md5', 'c') }}", "900150983cd24fb0d6963f7d28e17f72"),
    ("{{ 'abc' | hash('sha256') | length }}", "64"), ("{{ 'abc' | hmac('key') }}", "9c196e32dc0175f86f4b1cb89289d6619de6bee699e4c378e68309ed97a1a6ab"),
    ("{{ 'é' | base64encode }}", "w6k="), ("{{ 'w6k=' | base64decode }}", "é"), ("{{ 'abc' | base64binascii_decode }}", "YWJj"),
    ("{{ 'page=7&x' | regex_search('page=(\\\\d+)') }}", "7"), ("{{ 'page' | regex_search('(\\\\d+)') }}", ""), ("{{ 'page' | regex_search('page') }}", ""),
    ("{{ none | regex_search('(a)') }}", ""), ("{{ '<https://u>; rel=next' | regex_search('<(.*)>.*rel=.*') }}", "https://u"),
    ("{{ 'aab' | regex_search('a*a*b') }}", ""),
    ("{{ 'a.b.c' | regex_replace('[.]', '-') }}", "a-b-c"), ("{{ 'aab1' | regex_replace('(a|b)+(\\\\d)', '<\\\\2>') }}", "<1>"),
])  # fmt: skip
def test_macros_and_filters(source: str, found: str) -> None:
    assert jinja().text(source, scope()) == found


@pytest.mark.parametrize(("source", "said"), [
    ("{{ creation_respons['id'] }}", "there is no 'creation_respons' here (did you mean 'creation_response'?)"),
    ("{% if false %}{{ cofnig }}{% endif %}", "there is no 'cofnig' here (did you mean 'config'?)"), ("{{ zzz is defined }}", "there is no 'zzz' here"),
    ("{{ polling_response.id }}", "there is no 'polling_response' here"), ("{{ stream_state.x }}", "there is no 'stream_state'"),
    ("{{ config.x.y }}", "no attribute 'x'"), ("{{ config.a.b() }}", "'str' cannot be called"), ("{{ 1 / 0 }}", "ZeroDivisionError"),
    ("{{ config.s + 1 }}", "TypeError"), ("{{ config.items }}", "had by ['items']"), ("{{ 'x' | nope }}", "nope"), ("{{ config.a. }}", ""), ("{{ today_with_timezone('Mars/X') }}", "no time zone 'Mars/X'"),
    ("{{ duration('1 day') }}", "no ISO duration"), ("{{ str_to_datetime('soon') }}", "'soon' is no ISO date"), ("{{ 'x' | hash('crc') }}", "no hash 'crc'"),
    ("{{ format_datetime('x', '%Y', '%Y') }}", "does not have the format '%Y'"), ("{{ 'x' | hmac('k', 'md5') }}", "sha256"), ("{{ 'abc' | base64decode }}", "Base64"),
    ("{{ 'x' | regex_search('(') }}", "no regular expression"), ("{{ 'x' | regex_replace('x', '\\\\7') }}", "cannot stand for"),
    ("{{ 'abab' | regex_search('(?=a)(b|a)*') }}", "too open"), ("{{ 'é'.encode().join([]) }}", "'join' cannot be called"), ("{{ config.get.x.y }}", ""),
    ("{{ config.l['app' ~ 'end'](3) }}", "unsafe"), ("{{ '%s' % [1] }}", "characters"), ("{{ 'x'.swap() }}", "no attribute"), ("{{ (1)() }}", "cannot be called"),
    ("{{ lipsum() }}", "no 'lipsum'"), ("{{ range(3) }}", "no 'range'"), ("{{ now_utc().utcnow() }}", "cannot be called"),
    ("{% for x in config.l recursive %}{% include x %}{% endfor %}", "include is not known"), ("{{ 'a' * (2 ** 40) }}", "at most"), ("{{ nothing() }}", "no 'nothing'"),
])  # fmt: skip
def test_a_template_that_cannot_be_rendered_says_why(source: str, said: str) -> None:
    with pytest.raises(TemplateFault) as e:
        value(source)
    assert said in str(e.value)


def test_without_a_clock_and_ids_only_what_needs_them_fails() -> None:
    bare = Jinja()

    assert bare.names("{{ now_utc() ~ generate_uuid() ~ config.x }}") == {"config"}
    for source in ("{{ now_utc() }}", "{{ generate_uuid() }}"):
        with pytest.raises(TemplateFault):
            bare.text(source, scope())


@pytest.mark.parametrize(("condition", "holds"), [
    ("{{ config.z }}", False), ("{{ config.s }}", True), ("{{ config.n }}", False), ("{{ config.x }}", False), ("{{ config.x.y }}", False), ("False", False),
    ("false", False), ("{{ [] }}", False), ("{{ {} }}", False), ("{{ '0.0' }}", False), ("{{ 'null' }}", True), ("config.a.b == '7'", True), ("{{ 2 > 1 }}", True),
    ("{% if config.z %}x{% endif %}", False), ("config.x.y.z", False),
])  # fmt: skip
def test_conditions(condition: str, holds: bool) -> None:
    assert jinja().truth(condition, scope()) is holds


def test_names_are_the_roots_in_the_dialects_words() -> None:
    assert jinja().names("{% set parameters = {} %}{{ config.a ~ creation_response.id ~ parameters.x ~ now_utc() }}") == {
        "config",
        "creation_response",
    }
    assert jinja().names("record.x > 1") == {"record"}
    with pytest.raises(TemplateFault):
        jinja().names("{{ config.a")


@pytest.mark.parametrize(("source", "found"), [
    ("{{ creation_response['id'] }}", "j1"), ("{{ creation_response['result'][0]['exportId'] }}", "e"), ("{{ creation_response['headers']['Location'] }}", "L"),
    ("{{ creation_response.headers.get('LOCATION') }}", "L"), ("{{ 'Location' in creation_response.headers }}", "True"), ("{{ creation_response.headers.get(1, 'd') }}", "d"),
    ("{{ creation_response.request.url }}{{ creation_response.request.headers['x-a'] }}", "https://u1"), ("{{ stream_interval['start_time'] }}", "2024-01-01"),
    ("{{ stream_interval.start_time }}", "2024-01-01"), ("{{ stream_interval.get('start_time') }}", "2024-01-01"), ("{{ stream_slice.cursor_slice.end_time }}", "2024-01-31"),
    ("{{ stream_partition['p'] }}", "1"), ("{{ stream_partition.partition['p'] }}{{ stream_slice._partition.p }}", "11"), ("{{ stream_slice.parent_slice['q'] }}", "2"),
    ("{{ stream_partition.extra_fields['x'] }}", "9"), ("{{ stream_slice.extra_fields['creation_response'].id }}", "j1"), ("{{ 'x' in stream_slice }}", "False"),
    ("{{ 'yes' if stream_interval else 'no' }}", "yes"), ("{{ stream_slice }}", str({"p": 1, "parent_slice": {"q": 2}, "start_time": "2024-01-01", "end_time": "2024-01-31"})),
    ("{{ headers['Retry-After'] }}", "5"), ("{{ headers[1] }}", ""), ("{{ response.x }}", "1"),
    ("{% set l = [] %}{% set _ = l.append(stream_slice.p) %}{{ l }}{{ stream_slice.extra_fields.download_target }}", "[1]T"),
])  # fmt: skip
def test_objects_as_templates_see_them(source: str, found: str) -> None:
    answer = {"headers": {"retry-after": "5"}, "body": {"x": 1}}
    assert jinja().text(source, scope(answer=answer, target={"value": "T"})) == found


def test_a_slice_of_nothing_is_false_and_answers_that_are_no_objects_stay() -> None:
    assert not SliceView({"flat": {}, "extra": {"x": 1}}) and SliceView({"flat": {"a": 1}}).extra_fields == {}
    assert answered(["x"]) == ["x"] and answered({"headers": 1, "request": {"headers": 2}}) == {
        "headers": 1,
        "request": {"headers": 2},
    }
    assert Headers({"A": 1}).get("a") == 1 and Headers({"1": 2}).get(cast(str, 1)) is None


def test_what_a_template_changes_are_copies() -> None:
    given = {"l": [1]}

    assert jinja().value("{% set _ = record.l.append(2) %}{{ record.l }}", scope(record=given)) == [1, 2]
    assert given == {"l": [1]}


def test_text_keeps_numbers_as_they_are_written() -> None:
    assert jinja().text("{{ config.id }}", scope()) == "0123" and jinja().text("no braces", scope()) == "no braces"
    assert jinja().text("{{ 5 | string }}", scope()) == "5" and jinja().text("{{ '\"' }}", scope()) == '"'


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "items", "get", "0", "keys"]), inner, max_size=4),
                    max_leaves=12)  # fmt: skip
STEP = st.sampled_from([".a", ".b", ".items", ".get", "['a']", "['items']", "['0']", "[0]", "[1]", "['keys']", ".keys"])


@given(x=JSON, steps=st.lists(STEP, max_size=3), around=st.text(st.characters(exclude_characters="{}\r\n"), max_size=3))
def test_the_direct_path_is_what_jinja_gives(x: Any, steps: list[str], around: str) -> None:
    source = around + "{{ x" + "".join(steps) + " }}" + around
    env = jinja2.Environment()
    pieces = pieces_of(env.parse(source), frozenset(("x",)))

    assert pieces is not None
    direct = rendered(pieces, {"x": x})

    if direct is not None:
        assert direct == env.from_string(source).render(x=x)


@pytest.mark.parametrize(
    "source",
    [
        "{{ x() }}",
        "{{ x[y] }}",
        "{{ x | upper }}",
        "{% if x %}{% endif %}",
        "{{ y }}",
        "{{ x[1:] }}",
        "{{ x[1.5] }}",
        "{{ 1 }}",
    ],
)
def test_what_is_more_than_a_path_goes_to_jinja(source: str) -> None:
    assert pieces_of(jinja2.Environment().parse(source), frozenset(("x",))) is None


def test_plain_text_and_spelling() -> None:
    plain, bare = Plain(), scope()

    assert (plain.text("{{x}}", bare), plain.value("{{x}}", bare), plain.truth("", bare), plain.names("{{x}}")) == (
        "{{x}}",
        "{{x}}",
        False,
        frozenset(),
    )
    assert [spell(v) for v in (None, {"a": [1]}, True, False, 1.5, "x")] == ["", '{"a":[1]}', "true", "false", "1.5", "x"]


def test_a_scope_looks_into_objects_and_lists() -> None:
    s = scope()

    assert (s.look("config.l.-1"), s.look("config.l.9"), s.look("config.l.x"), s.look("config.s.x"), s.look("config.q.x")) == (
        2,
        None,
        None,
        None,
        None,
    )
    assert "config" in s and s.plus(config=1)["config"] == 1
    with pytest.raises(TemplateFault, match="did you mean 'config'"):
        s.look("confg.x")
