"""Handlebars against the answers of handlebars.js, and what Celigo's dialect adds: names, places, helpers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobstream.template.bars import parsed, property_of, rendered
from jobstream.template.handlebars import JSON, URL, VALUE, Handlebars
from jobstream.template.language import Scope, TemplateFault
from jobstream.template.script import Handle, in_json, number, to_json, written
from jobstream.template.words import words

HERE = Path(__file__).parent
CASES = json.loads((HERE / "handlebars_cases.json").read_text())
ANSWERS = json.loads((HERE / "handlebars_answers.json").read_text())
#: Where we differ from handlebars.js 4.7.10, and why.
BRACES = "a template that ends in }}}} is JSON: handlebars.js refuses it, people mean it"
ADDS = "with escaping off handlebars.js adds neighbouring numbers instead of writing them"
PARSER = "the parser refuses it, and says where"
DIFFER = {
    "json body": BRACES, "triple json": BRACES, "triple nested close": BRACES, "4 braces json": BRACES, "this.x": ADDS, "index": ADDS,
    "pindex": ADDS, "bool": ADDS, "nested array root": ADDS, "ws triple": PARSER, "colon/at": PARSER, "obj": "an object is JSON, not [object Object]",
    "literals": "undefined is null: there is one nothing", "brackets str": 'a text in tags ({{"x y"}}) is that text, not a field',
}  # fmt: skip
OWN: dict[str, Any] = {
    "up": lambda x: str(x).upper(), "low": lambda x: str(x).lower(), "split": lambda s, d, i=0: str(s).split(d)[i], "eq": lambda a, b: a == b,
    "join2": lambda a, sep: sep.join(a), "now": lambda: "NOW", "show": lambda x: "null" if x is None else written(x),
}  # fmt: skip


@pytest.mark.parametrize(("case", "answer"), list(zip(CASES, ANSWERS, strict=True)), ids=[c[0] for c in CASES])
def test_as_handlebars_js(case: Any, answer: str) -> None:
    name, template, context = case
    try:
        got = rendered(parsed(template), context, {**words(lambda: 0.0), **OWN})
    except TemplateFault as e:
        got = f"ERR:{e}"
    same = got == answer or (got.startswith("ERR:") and answer.startswith("ERR:"))
    assert same is (name not in DIFFER), got


@pytest.mark.parametrize(("template", "text"), [
    ('{"a":{"b":{{x}}}}', '{"a":{"b":1}}'), ("{{{x}}}}", "1}"), ("{{#each l}}{{this.x}}{{./x}}{{this/x}},{{/each}}", "111,"),
    ("{{#each l}}{{#each m}}{{@../index}}{{@index}}{{../../x}},{{/each}}{{/each}}", "001,"), ("{{t}}{{f}}", "truefalse"), ("{{o}}", '{"a":1}'),
    ("{{#each o as |v k|}}{{k}}{{v}}{{/each}}", "a1"), ("{{#each o}}{{@key}}{{@index}}{{/each}}", "a0"), ("{{#each l}}{{@key}}{{/each}}", "0"),
    ("{{#each x}}a{{else}}b{{/each}}", "b"), ("{{#each nothing}}a{{/each}}", ""), ("{{#with nothing}}a{{/with}}", ""), ("{{#each}}{{/each}}", ""),
    ("{{#if}}root{{/if}}", "root"), ("{{#with}}{{/with}}", ""), ("{{#unless f}}U{{/unless}}", "U"), ("{{#if f includeZero=true}}a{{else}}b{{/if}}", "b"),
    ("{{#and t x}}both{{else}}no{{/and}}", "both"), ("{{#contains 'abc' 'b'}}in{{/contains}}", "in"), ("{{#x}}{{this}}{{/x}}", "1"), ("{{#t}}{{x}}{{/t}}", "1"),
    ("{{../x}}|{{@../index}}|{{../../x}}", "||"), ("{{@root.x}}{{@nothing}}{{@root}}", None), ("{{lookup l 0}}", '{"m":[5],"x":1}'), ("{{lookup o 'a'}}{{lookup s 'length'}}", "14"),
    ("{{#each l}}{{#with m}}{{../x}}{{/with}}{{/each}}", "1"), ("{{s.0}}{{s.length}}{{l.[7]}}{{x.y.z}}", "4"), ("{{! c }}{{!-- }} --}}a", "a"),
    ("a\n{{! alone }}\nb", "a\nb"), ("{{#if t}}\n a\n{{else}}\n b\n{{/if}}\n", " a\n"), ("{{#if f}}\n a\n{{else if t}}\n b\n{{else}}\n c\n{{/if}}\n", " b\n"),
    ("x {{~#if t~}} a {{~else~}} b {{~/if~}} y", "xay"), ("x {{~#if f}} a {{else~}} b {{~/if}} y", "xb y"), ("x {{~! c ~}} y", "xy"), ("{{#if t}}a{{else}}b{{/if}}\n", "a\n"),
    ("{{^f}}none{{/f}}", "none"), ("{{{{raw}}}}{{x}}{{{{/raw}}}}", "{{x}}"), ("{{#each l as |it|}}{{it.x}}{{/each}}", "1"), ("{{@root.l.0.x}}", "1"),
])  # fmt: skip
def test_blocks_paths_and_lines(template: str, text: str | None) -> None:
    context = {"x": 1, "t": True, "f": False, "o": {"a": 1}, "s": "abcd", "l": [{"m": [5], "x": 1}]}
    got = rendered(parsed(template), context, words(lambda: 0.0))

    assert got == (text if text is not None else f"1{to_json(context)}")


@pytest.mark.parametrize(("template", "said"), [
    ("{{nope x}}", "no helper is named 'nope'"), ("{{uppercse x}}", "did you mean 'uppercase'?"), ("{{#if x}}", "Unclosed block"), ("{{> p}}", "Partials"),
    ("{{add (nope 1) 2}}", "no helper is named 'nope'"), ("{{#nope x}}{{/nope}}", "no helper is named 'nope'"), ("{{x.y 1}}", "a path takes no arguments"),
    ("{{split}}", "split: "), ("{{first x}}", "first: "), ("{{" + "(" * 400, ""), ("{{lookup x}}", "lookup: a holder and a key are wanted"),
])  # fmt: skip
def test_a_mistake_is_named(template: str, said: str) -> None:
    with pytest.raises(TemplateFault) as e:
        rendered(parsed(template), {"x": 1}, words(lambda: 0.0))
    assert said in str(e.value)


NAMES = {"record": "job.id + polled.body.job | polled.body", "data": "job.id + polled.body.job | polled.body", "": "job.id + polled.body.job | polled.body",
         "connection": "config.connection", "export": "config.export", "export.http.paging.token": "page.token", "export.http.paging.page": "page.token",
         "now": "now", "submit": "created.body", "answered": "answer.body.a | answer.body.b"}  # fmt: skip


def scope(handle: Any = "j 1", polled: Any = None, **more: Any) -> Scope:
    return Scope({"config": lambda: {"connection": {"http": {"k": 1}}, "export": {"name": "e", "http": 5}}, "job": lambda: {"id": handle},
                  "polled": lambda: {"body": polled}}).plus(**more)  # fmt: skip


def bars(template: str, handle: Any = "j 1", polled: Any = None, url: bool = False, **more: Any) -> str:
    return Handlebars(NAMES, lambda: 1704164645.678).text(template, scope(handle, polled, **more), url=url)


@pytest.mark.parametrize(("template", "handle", "polled", "text"), [
    ("{{record}}|{{record.id}}|{{data.id}}|{{id}}", "j", None, "j|j|j|j"), ("{{record.id}}{{record.k}}{{k}}", {"id": 1, "k": "K"}, None, "1KK"),
    ("{{record.id}}{{record.doc}}{{doc}}", "j", {"job": {"doc": "D"}}, "jDD"), ("{{record.id}}", "j", {"job": {"id": "other"}}, "other"),
    ("{{record.doc}}", {"id": 1}, {"doc": "D"}, "D"), ("{{record.n}}", {"id": 1}, [{"n": 3}, {"n": 4}], "3"), ("{{record.x}}{{unknown}}", "j", None, ""),
    ("{{x}}{{record}}", None, None, ""), ("{{connection.http.k}}{{export.name}}", "j", None, "1e"), ("{{now}}", "j", None, "2024-01-02T03:04:05.678Z"),
    ("{{config.connection.http.k}}", "j", None, "1"), ("{{#each @root.config.connection.http}}{{this}}{{/each}}", "j", None, "1"), ("{{jsonSerialize record}}", "j", {"a": 1}, '"j"'),
    ("{{#if record}}{{#with record}}{{id}}{{/with}}{{/if}}", "j", None, "j"), ("no braces", "j", None, "no braces"), ("{{record.id}}", [], None, ""),
])  # fmt: skip
def test_names_of_the_dialect(template: str, handle: Any, polled: Any, text: str) -> None:
    assert bars(template, handle, polled) == text


def test_a_word_with_dots_and_a_name_of_the_place() -> None:
    assert bars("{{export.http.paging.token}}{{export.name}}", page={"token": "t"}) == "te"
    assert bars("{{export.http.paging.token}}{{record.id}}", record={"id": 7}) == "7"
    assert (
        Handlebars({"export.paging": "page.token"}).text("{{export.paging}}|{{export}}", Scope({"page": lambda: {"token": 1}}))
        == '1|{"paging":1}'
    )
    assert bars("{{#each this}}{{@key}} {{/each}}") == "record data connection export now "
    assert bars("{{answered}}", answer={"body": {"b": 2}}) == "2"


def test_a_name_that_the_place_does_not_see_is_a_fault() -> None:
    for template, said in (("{{submit.id}}", "there is no 'submit' here"), ("{{answered}}", "there is no 'answered' here")):
        with pytest.raises(TemplateFault, match=said):
            bars(template)
    with pytest.raises(TemplateFault, match="did you mean 'config'"):
        Handlebars().text("{{confg.x}}", scope())


def test_each_place_has_its_encoding() -> None:
    handle = 'a/b "c"\n'

    assert bars("/{{record}}/{{{record}}}", handle, url=True) == '/a%2Fb%20%22c%22%0A/a/b "c"\n'
    assert (
        bars(JSON + '{"x": "{{record}}", "y": {{{jsonSerialize record}}}}', handle)
        == '{"x": "a/b \\"c\\"\\n", "y": "a/b \\"c\\"\\n"}'
    )
    assert bars(URL + "?x={{record}}", "a b") == "?x=a%20b" and bars("{{&record}}", "a b", url=True) == "a b"
    assert bars("{{record}}", handle) == handle


def test_a_value_as_it_is() -> None:
    language = Handlebars(NAMES, lambda: 0.0)

    assert (
        language.value(VALUE + "{{{config.connection}}}", scope()) == {"http": {"k": 1}}
        and language.value(VALUE + "{{record}}", scope()) == "j 1"
    )
    assert (
        language.value("{{config.connection.http.k}}", scope()) == "1" and language.value(VALUE + "{{{add 1 2}}}", scope()) == 3
    )
    with pytest.raises(TemplateFault, match="one expression"):
        language.value(VALUE + "a{{x}}", scope())


def test_conditions_and_names() -> None:
    language = Handlebars(NAMES, lambda: 0.0)

    assert [
        language.truth(t, scope())
        for t in ("{{record}}", "record", "{{x}}", "{{eq 1 1}}", "{{eq 1 2}}", "eq 1 1", "{{subtract 1 1}}")
    ] == [True, True, False, True, False, True, False]
    template = ("text {{record.id}}{{field}}{{recrd.id}}{{#each l as |it i|}}{{it.x}}{{y}}{{../z}}{{@root.q.r}}{{@index}}{{/each}}{{uppercase (join ',' w h=(add v 1))}}"
                "{{#if created}}{{answer.x}}{{else}}{{submit}}{{/if}}{{#with a}}{{b}}{{else}}{{config.n}}{{/with}}{{this.connection}}{{'text'}}{{@root}}")  # fmt: skip
    assert language.names(template) == {"record", "recrd", "created", "answer", "submit", "config", "connection"}
    assert Handlebars().names(template) == {
        "record",
        "field",
        "recrd",
        "l",
        "z",
        "q",
        "w",
        "v",
        "created",
        "answer",
        "submit",
        "a",
        "config",
        "connection",
    }
    assert language.names("{{export.http.paging.token}}{{export.name}}") == {"export.http.paging.token", "export"}
    with pytest.raises(TemplateFault):
        language.names("{{#if x}}")


@pytest.mark.parametrize(("n", "text"), [(1.0, "1"), (1.5, "1.5"), (1e21, "1e+21"), (1e-7, "1e-7"), (0.00001, "0.00001"), (-1.25e-5, "-0.0000125"), (1.5e300, "1.5e+300"),
                                         (10**21, "1e+21"), (10**20, "1" + "0" * 20), (float("nan"), "NaN"), (float("inf"), "Infinity"), (float("-inf"), "-Infinity")])  # fmt: skip
def test_numbers_are_written_as_javascript_does(n: float, text: str) -> None:
    assert number(n) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_never_another(n: float) -> None:
    assert float(number(n)) == n


@given(st.text())
def test_text_in_a_json_string_comes_back(text: str) -> None:
    assert json.loads(f'"{in_json(text)}"') == text


def test_a_handle_is_text_and_has_fields() -> None:
    handle = Handle("j", {"id": "j"})

    assert (
        to_json({"h": handle}) == '{"h":"j"}'
        and to_json(scope)
        and property_of(handle, "id") == "j"
        and written([handle, None]) == "j,"
    )
