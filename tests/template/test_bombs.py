"""Hostile templates end: a TemplateFault, in less than a second of CPU, without much memory."""

from __future__ import annotations

import sys
import time

import pytest

from jobstream.template.handlebars import Handlebars
from jobstream.template.jinja import Jinja
from jobstream.template.language import LONGEST, Scope, TemplateFault

BIG = ["x" * 1000] * 1000
LIMIT = 1.0 if sys.gettrace() is None else 20.0  # of CPU; measuring coverage costs a multiple
SCOPE = Scope({"config": lambda: {"big": BIG, "n": list(range(3000)), "a": "a" * 20_000, "evil": "a" * 5000 + "!"}})
NEST = "{% for a in config.n %}"
BOMBS = {
    "power": "{{ 9 ** (9 ** 9) }}",
    "power of powers": "{% set a = 2 ** 4000 %}{{ a * a * a }}",
    "product": "{% set a = 2 ** 2000 %}" + "{% set a = a * a %}" * 30 + "{{ a }}",
    "text times": "{{ 'a' * 200000000 }}",
    "times text": "{{ 200000000 * 'a' }}",
    "list times": "{{ [1] * 200000000 }}",
    "folded early": "{% if false %}{{ 'a' * 2000000000 }}{% endif %}{{ 'a' * 2000000000 }}",
    "doubling": "{% set a = 'aaaaaaaa' %}" + "{% set a = a + a %}" * 40,
    "doubling by tilde": "{% set a = 'aaaaaaaa' %}" + "{% set a = a ~ a %}" * 40,
    "doubling by blocks": "{% set a = 'aaaaaaaa' %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40,
    "doubling lists": "{% set a = [1] %}" + "{% set a = a + a %}" * 40,
    "billion laughs": "{% set a = ['lol'] %}" + "{% set a = [a, a, a, a] %}" * 30 + "{{ a }}",
    "laughs in objects": "{% set a = 'lol' %}" + "{% set a = {'x': a, 'y': a} %}" * 40 + "{{ a | tojson }}",
    "laughs compared": "{% set a = [1] %}{% set b = [1] %}" + "{% set a = [a, a] %}{% set b = [b, b] %}" * 30 + "{{ a == b }}",
    "late laughs": "{% set l = [] %}{% set a = [l, l] %}" + "{% set a = [a, a] %}" * 12
    + NEST + "{% set _ = l.append(1) %}{% endfor %}{{ a }}",
    "a list in itself": "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}",
    "extending itself": "{% set l = [1] %}" + "{% set _ = l.extend(l) %}" * 60 + "{{ l | length }}",
    "laughs in namespaces": "{% set a = namespace(x='lol') %}"
    + "".join(f"{{% set b{i} = namespace() %}}{{% set b{i}.x = {'a' if i == 0 else f'b{i - 1}'} %}}"
              f"{{% set b{i}.y = {'a' if i == 0 else f'b{i - 1}'} %}}" for i in range(40)) + "{{ b39 }}",
    "loops": NEST * 4 + "{{ a }}" + "{% endfor %}" * 4,
    "silent loops": NEST * 4 + "{% endfor %}" * 4,
    "filtering loops": "{% for a in config.n if " + " and ".join(["a is odd"] * 500) + " %}{% endfor %}" * 1
    + "{% for a in config.n if " + " or ".join(["a is string"] * 900) + " %}{% endfor %}",
    "recursive loop": "{% for a in [[1, 2], [3, 4]] recursive %}{{ loop([[1, 2], [3, 4]]) }}{% endfor %}",
    "macro": "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "branching macro": "{% macro f(n) %}{% if n > 0 %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "call blocks": "{% macro f() %}{{ caller() }}{{ caller() }}{% endmacro %}" + "{% call f() %}" * 25 + "x" + "{% endcall %}" * 25,
    "wide format": "{{ '%0999999999d' % 1 }}",
    "starred format": "{{ '%*d' % (999999999, 1) }}",
    "format filter": "{{ '%0999999999d' | format(1) }}",
    "format of much": "{% set a = config.a * 40 %}{{ '%(x)s' * 1000 % {'x': a} }}",
    "wide str.format": "{{ '{:>999999999}'.format(1) }}",
    "nested str.format": "{{ '{:>{w}}'.format(1, w=999999999) }}",
    "repeating str.format": "{% set a = config.a * 40 %}{{ ('{0}' * 5000).format(a) }}",
    "many wide fields": "{{ ('{0:999}' * 5000).format(1) }}",
    "format_map": "{{ '{x:>999999999}'.format_map({'x': 1}) }}",
    "centre": "{{ 'a' | center(999999999) }}",
    "ljust": "{{ 'a'.ljust(999999999) }}",
    "zfill": "{{ '1'.zfill(999999999) }}",
    "expandtabs": "{{ '\t\t\t'.expandtabs(999999999) }}",
    "indent": "{{ 'a\n' * 1000 | indent(999999) }}",
    "batch": "{{ [1] | batch(999999999, 'x') | list }}",
    "slice": "{{ [1] | slice(999999999) | list }}",
    "round": "{{ 1.5 | round(400000000, 'ceil') }}",
    "tojson": "{{ [1] | tojson(indent=999999999) }}",
    "replace": "{% set a = 'a' * 1000 %}{{ a | replace('a', a) | replace('a', a) }}",
    "replace method": "{% set a = 'a' * 1000 %}{{ a.replace('a', a).replace('a', a) }}",
    "join": "{{ config.n | join('x' * 10000) }}",
    "join method": "{{ ('x' * 10000).join(config.n | map('string')) }}",
    "join of much": "{{ ([config.a] * 3000) | join }}",
    "join of attributes": "{{ ([{'x': config.a}] * 3000) | join(attribute='x') }}",
    "sum of lists": "{{ config.n | map('list') | sum(start=[]) }}{{ ([config.big] * 5000) | sum(start=[]) }}",
    "map upon map": "{{ config.n" + " | map('string') | map('upper')" * 40 + " | list | length }}" + "{{ config.n" * 0,
    "searching in loops": NEST * 2 + "{{ 1 if 'zz' in config.big }}" + "{% endfor %}" * 2,
    "to_bytes": "{{ (1).to_bytes(999999999, 'big') }}",
    "many digits": "{{ ('9' * 5000) | int + 1 }}{{ 10 ** 2000 }}",
    "lipsum": "{{ lipsum(999999) }}",
    "range": "{{ range(999999999) | list }}",
    "much output": "{% for a in config.n %}" + "x" * 1000 + "{% endfor %}",
    "nested parentheses": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "nested lists": "{{ " + "[" * 300 + "]" * 300 + " }}",
    "nested not too deeply to parse": "{{ " + "[" * 120 + "]" * 120 + " }}",
    "a long text for an open pattern": "{{ (config.a ~ 'a') | regex_search('a*b') }}",
    "nested blocks": "{% if true %}" * 400 + "{% endif %}" * 400,
    "long sum": "{{ " + "+".join(["1"] * 3000) + " }}",
    "too long": "{{ 1 }}" * LONGEST,
    "many parts": "{{ a.b }}" * 4000,
    "endless pattern": "{{ config.evil * 5 | regex_search('(a+)+$') }}{{ config.a * 2 | regex_search('a*b') }}",
    "many patterns": "{% for x in config.n %}{{ config.evil | regex_search('a*b') }}{% endfor %}",
    "regex_replace": "{{ ('a' * 5000) | regex_replace('a', 'b' * 5000) }}",
    "dict of dicts": "{{ dict(a=config.big) }}" * 300,
    "include": "{% include 'x' %}",
    "import": "{% import 'x' as y %}",
    "extends": "{% extends 'x' %}",
    "block": "{% block x %}{% endblock %}",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_jinja_bomb_ends(name: str) -> None:
    began = time.process_time()
    with pytest.raises(TemplateFault):
        Jinja().text(BOMBS[name], SCOPE)
    assert time.process_time() - began < LIMIT


@pytest.mark.parametrize("template", [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ config.__init__.__globals__ }}", "{{ now_utc.__globals__ }}",
    "{{ now_utc().__class__ }}", "{{ self.__init__ }}", "{{ (config|attr('__class__')) }}", "{{ '{0.__class__.__mro__}'.format(1) }}",
    "{{ cycler.__init__.__globals__ }}", "{{ namespace().__class__ }}", "{{ config.items.__self__.__class__ }}",
    "{{ config['__class__'].__name__ }}", "{{ dict.__subclasses__() }}", "{{ dict.mro() }}", "{{ dict.fromkeys('ab') }}",
    "{{ config.n.append(1) }}", "{{ config.update(a=1) }}", "{{ config.n['app' ~ 'end'](1) }}", "{{ now_utc().now() }}",
    "{{ ''.join.__self__.maketrans('a', 'b') }}", "{{ joiner().__class__ }}", "{{ config.n() }}", "{{ loop() }}", "{{ {}.x.y }}",
])  # fmt: skip
def test_a_template_gets_at_nothing_but_values(template: str) -> None:
    language, scope = Jinja({}, lambda: 0.0), Scope({"config": lambda: {"n": [1]}})
    try:
        got = language.text(template, scope)
    except TemplateFault:
        got = ""
    assert got in ("", "None"), "nothing of Python shows"
    assert scope["config"] == {"n": [1]}, "what is given stays as it is"


HANDLEBARS = {
    "empty loops": "{{#each config.n}}{{#each ../config.n}}{{#each ../../config.n}}{{/each}}{{/each}}{{/each}}",
    "output": "{{#each config.n}}{{#each ../config.n}}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{{/each}}{{/each}}",
    "nested calls": "{{" + "(uppercase " * 5000 + "x" + ")" * 5000 + "}}",
    "nested blocks": "{{#if config}}" * 2000 + "{{/if}}" * 2000,
    "deep": "{{#if config}}" * 150 + "x" + "{{/if}}" * 150,
    "replace": "{{replace (replace config.a 'a' config.a) 'a' config.a}}",
    "join": "{{join config.a config.n}}",
    "too long": "{{config}}" * LONGEST,
    "pattern": "{{regexMatch config.a '(a*)*b' 0}}{{regexReplace config.a 'x' '(a|a)*b*c'}}{{regexSearch config.a 'a*a*a*b'}}{{nope 1}}",
    "toFixed": "{{toFixed 1 999999999}}",
}


@pytest.mark.parametrize("name", HANDLEBARS)
def test_a_handlebars_bomb_ends(name: str) -> None:
    began = time.process_time()
    with pytest.raises(TemplateFault):
        Handlebars().text(HANDLEBARS[name], SCOPE)
    assert time.process_time() - began < LIMIT
