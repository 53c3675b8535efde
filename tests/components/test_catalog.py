"""The list, the forms and pages read off it, and the faults of plans and options: all of them, each at its place."""

from __future__ import annotations

from typing import Any

import pytest

from jobstream.components.catalog import LINES, Catalog, installed
from jobstream.components.lint import lint
from jobstream.components.options import Finding, form, page
from jobstream.plan.component import Component
from jobstream.plan.exchange import Body, Exchange, Request, Rule
from jobstream.plan.retrieval import Fetch, Retrieval
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import Records, StreamPlan
from jobstream.template.jinja import Jinja


@pytest.mark.parametrize("line", sorted(LINES))
def test_every_component_has_a_page_whose_options_say_what_they_are(line: str) -> None:
    kind, _, name = line.partition(".")
    cls = Catalog().find(kind, name)
    assert cls is not None
    assert (cls.__doc__ or "").strip()
    text = page(kind, name, cls)
    for field in form(cls):
        assert field.label
        assert f"(`{field.key}`)" in text
        assert field.type != "integer" or field.unit or field.key == "start"


def test_forms_see_templates_inside_choices_lists_and_dicts() -> None:
    fields = {f.key: f for name in ("oauth",) for f in form(Catalog().find("auth", name) or Finding)}
    assert fields["scopes"].template == fields["body"].template == fields["token_url"].template == "text"
    assert fields["client_secret"].secret
    start = {f.key: f for f in form(Catalog().find("cursor", "datetime") or Finding)}["start"]
    assert (start.template, start.names) == ("text", ("config",))


def test_all_faults_of_options_are_told_at_once() -> None:
    c = Component("decoder", "gzip", {"inner": {"is": "component", "kind": "decoder", "name": "csw", "options": {}}})
    found = Catalog().check(c, "decoder", "/d")[1]
    assert [(f.code, f.at, f.hint) for f in found] == [("unknown_component", "/d/options/inner", "did you mean 'csv'?")]
    found = Catalog().check(Component("decoder", "csv", {"delimitr": ";", "block": 1, "header": "x"}), "decoder")[1]
    assert [(f.code, f.at) for f in found] == [("unknown_field", "/options/delimitr"), ("wrong_value", "/options/header"), ("wrong_value", "/options/block")]  # fmt: skip
    assert Catalog().check(Component("auth", "bearer"), "auth")[1][0].code == "missing_field"
    assert Catalog().check(Component("auth", "bearer"), "decoder")[1][0].saw == "a auth where a decoder belongs"
    by = {"text/csv": {"is": "component", "kind": "decoder", "name": "no"}}
    assert Catalog().check(Component("decoder", "composite", {"by": by}), "decoder")[1][0].at == "/options/by/text/csv"
    with pytest.raises(ValueError, match="missing_field"):
        Catalog().build(Component("auth", "bearer"), Jinja())


def plan(**more: Any) -> SourcePlan:
    fetch = Exchange(
        request=Request(
            url="https://a.test/", auth=more.pop("used", ""), budget=more.pop("budget", ""), body=more.pop("body", None)
        ),
        rules=more.pop("rules", ((),)),
    )
    stream = StreamPlan(name="s", records=Records(decoder=Component("decoder", "json"), transforms=more.pop("transforms", ())),
                        partitions=more.pop("partitions", None), cursor=more.pop("cursor", None),
                        retrieval=Retrieval(fetch=Fetch(exchange=fetch)))  # fmt: skip
    return SourcePlan(name="x", language="jinja", streams=(stream,), **more)


def told(**more: Any) -> list[tuple[str, str, str]]:
    return [(f.code, f.at, f.saw) for f in lint(plan(**more), Catalog(), Jinja())]


def test_a_sound_plan_has_no_findings() -> None:
    assert told(auth={"main": Component("auth", "bearer", {"token": "{{ config.token }}"})}, used="main") == []


def test_a_secret_written_out_is_a_warning_that_does_not_repeat_it() -> None:
    (finding,) = lint(plan(auth={"main": Component("auth", "bearer", {"token": "s3cret"})}), Catalog(), Jinja())
    assert (finding.code, finding.at, finding.warning) == ("literal_secret", "/auth/main/options/token", True)
    assert "s3cret" not in repr(finding)
    assert not Finding("wrong_value", "", "").warning


def test_what_is_named_elsewhere_must_be_there() -> None:
    parent = Component("partitions", "parent", {"stream": "ss", "key": ["id"], "field": "f"})
    assert told(used="mian", budget="slow", partitions=parent, check=("s", "t")) == [
        ("unknown_name", "/streams/0/retrieval/fetch/exchange/request/auth", "mian"),
        ("unknown_name", "/streams/0/retrieval/fetch/exchange/request/budget", "slow"),
        ("unknown_name", "/streams/0/partitions/options/stream", "ss"),
        ("unknown_name", "/check/1", "t"),
    ]


def test_templates_see_only_the_names_of_their_place() -> None:
    fields = [{"path": ["a"], "value": "{{ recrd.x }}"}, {"path": ["b"], "value": {"c": ["{{ config.x }}", "{{ polled }}"]}}]
    transforms = (Component("transform", "add_fields", {"fields": fields, "when": "{{ value and path }}"}),
                  Component("transform", "remove_fields", {"paths": [["a"]], "when": "{{ property or record }}"}),
                  Component("transform", "filter", {"keep": "{{ record. }}"}))  # fmt: skip
    cursor = Component("cursor", "datetime", {"field": "a", "start": {"at": "{{ record.a }}"}, "end": "{{ config.end }}"})
    found = [(at.removeprefix("/streams/0/"), saw) for _, at, saw in told(transforms=transforms, cursor=cursor)]
    assert found == [
        ("records/transforms/0/options/fields/0/value", "recrd"), ("records/transforms/0/options/fields/1/value/c/1", "polled"),
        ("records/transforms/1/options/when", "record"), ("records/transforms/2/options/keep", "{{ record. }}"),
        ("cursor/options/start/at", "record"),
    ]  # fmt: skip


def test_raw_names_inside_bodies_are_checked_too() -> None:
    body = Body(form="json", value={"a": {"is": "name", "name": "page.token"}, "b": {"is": "name", "name": "polled.x"}, "c": 5})
    assert [(c, s) for c, _, s in told(body=body)] == []
    body = Body(form="json", value=[{"is": "name", "name": "nothing.x"}])
    assert [(c, s) for c, _, s in told(body=body)] == [("unknown_name", "nothing")]


def test_a_verdict_that_no_step_may_have_is_told() -> None:
    assert ("wrong_verdict", "/default_rules/0", "adopt") in told(default_rules=(Rule(then="adopt"),))
    assert ("wrong_verdict", "/streams/0/retrieval/fetch/exchange/rules/0/0", "busy") in told(rules=((Rule(then="busy"),),))


def test_installed_packages_may_add_lines() -> None:
    assert all(":" in line for line in installed().values())


@pytest.mark.parametrize(("kind", "name", "options", "at"), [
    ("cursor", "datetime", {"field": "u", "start": "2024-01-01", "format": "%Y-%m-%d", "step": "P1Q"}, "/options/step"),
    ("cursor", "datetime", {"field": "u", "start": "2024-01-01", "format": "%Y-%m-%d", "granularity": "foo"}, "/options/granularity"),
    ("cursor", "datetime", {"field": "u", "start": "x", "format": "%Y-%m-%d"}, "/options/start"),
    ("cursor", "datetime", {"field": "u", "start": {"at": "2024", "least": "y", "format": "%Y"}, "format": "%s"}, "/options/start/least"),
    ("decoder", "csv", {"encoding": "utf-9"}, "/options/encoding"),
    ("decoder", "xml", {"encoding": "rot13"}, "/options/encoding"),
])  # fmt: skip
def test_an_option_that_could_never_be_read_is_told_before_a_run(
    kind: Any, name: str, options: dict[str, Any], at: str
) -> None:
    _, (finding,) = Catalog().check(Component(kind, name, options), kind)
    assert (finding.code, finding.at) == ("wrong_value", at)


def test_an_option_with_a_template_waits_for_the_run() -> None:
    options = {
        "field": "u",
        "start": "{{ config['start'] }}",
        "format": "%Y",
        "step": "{{ config['step'] }}",
        "end": "{{ now_utc() }}",
    }
    assert Catalog().check(Component("cursor", "datetime", options), "cursor")[1] == []
