"""Paginators: what the next page is asked with, and when there is none; partitions."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobstream.jobs.event import Answer, Slice
from jobstream.kinds import Feed, Page
from jobstream.template.jinja import Jinja
from jobstream.template.language import Scope, TemplateFault
from tries import built, some

AIRBYTE = Jinja({"response": "answer.body", "headers": "answer.headers", "last_page_size": "page_size"})


def page(
    n: int = 0, token: Any = None, *, body: Any = None, last: Any = None, url: str = "https://a.test/x/y", **headers: str
) -> Page:
    return Page(Answer(200, headers, msgspec.json.encode(body), url), n, last, token)


def walk(pages: Any, total: int, size: int) -> list[Any]:
    """Every token that is asked with, against a server of `total` records."""
    tokens, at = [pages.first()], 0
    while len(tokens) < 50:
        n = min(size, total - at)
        at += n
        token = pages.next(page(n, tokens[-1]), Scope({}))
        if token is None:
            return tokens
        tokens.append(token)
    raise AssertionError(tokens)


@some
@given(st.integers(0, 30), st.integers(1, 10), st.booleans(), st.booleans(), st.integers(0, 2))
def test_pages_and_offsets_end_with_a_short_page_or_an_empty_one(
    total: int, size: int, told: bool, first: bool, start: int
) -> None:
    known = {"page_size": size} if told else {}
    full = total // size
    count = full + 1 if told or total % size == 0 else full + 2
    numbers = walk(built("paginator", "page", start=start, first_asked=first, **known), total, size)
    offsets = walk(built("paginator", "offset", first_asked=first, **known), total, size)
    assert built("paginator", "page").sees == built("paginator", "offset").sees == "records"
    head = (start, 0) if first else (None, None)
    assert numbers == [head[0], *range(start + 1, start + count)]
    assert offsets == [head[1], *(min(n * size, total) for n in range(1, count))]


def test_the_page_size_may_be_a_template_over_config_and_answer() -> None:
    pages = built("paginator", "page", page_size="{{ response.size }}", language=AIRBYTE)
    assert pages.next(page(5, 1, body={"size": 5}), Scope({})) == 2
    assert pages.next(page(4, 1, body={"size": "5"}), Scope({})) is None
    assert pages.next(page(4, 1, body={}), Scope({})) == 2
    with pytest.raises(TemplateFault, match="'many'"):
        pages.next(page(4, 1, body={"size": "many"}), Scope({}))


def test_a_cursor_is_read_by_a_template_and_ends_when_falsy_or_told() -> None:
    pages = built(
        "paginator", "cursor", token="{{ response.next }}", stop="{{ last_page_size < 2 or last_record.end }}", language=AIRBYTE
    )
    assert pages.sees == "records"
    assert pages.first() is None
    assert pages.next(page(2, body={"next": "T"}, last={"id": 1}), Scope({})) == "T"
    assert pages.next(page(2, body={"next": ""}), Scope({})) is None
    assert pages.next(page(1, body={"next": "T"}), Scope({})) is None
    assert pages.next(page(2, body={"next": "T"}, last={"end": True}), Scope({})) is None


def test_a_cursor_asks_for_no_more_of_a_page_than_its_templates_name() -> None:
    sees = {text: built("paginator", "cursor", token=text, language=AIRBYTE).sees for text in
            ("{{ headers['x-next'] }}", "{{ response.next }}", "{{ last_record.id }}", "{{ response['count'] }}", "x")}  # fmt: skip
    assert list(sees.values()) == ["headers", "body", "records", "records", "records"]


LINK = '<https://a.test/p?page=1>; rel="prev", </p?page=3,4>; title="a, b"; rel="next last", <z>; rel=other'


def test_the_link_header_is_read_by_relation_in_templates_and_by_its_own_paginator() -> None:
    pages = built("paginator", "cursor", token="{{ headers.link.next.url }}", language=AIRBYTE)
    assert pages.next(page(link=LINK, body=[1]), Scope({})) == "https://a.test/p?page=3,4"
    assert pages.next(page(body={}), Scope({})) is None
    assert pages.next(page(link=LINK, body={"a": 1}), Scope({})) == "https://a.test/p?page=3,4"
    link = built("paginator", "link")
    assert (link.sees, link.first()) == ("headers", None)
    assert link.next(page(link=LINK), Scope({})) == "https://a.test/p?page=3,4"
    assert built("paginator", "link", rel="Other").next(page(link=LINK), Scope({})) == "https://a.test/x/z"
    assert link.next(page(link="<x>"), Scope({})) is None
    assert link.next(page(), Scope({})) is None


def test_a_header_is_the_token() -> None:
    pages = built("paginator", "header", name="X-Next", last="null")
    assert (pages.first(), pages.sees) == (None, "headers")
    assert [pages.next(Page(Answer(200, {"x-next": v}), 0, None, None), Scope({})) for v in ("T", "", "null")] == [
        "T",
        None,
        None,
    ]
    assert pages.next(page(), Scope({})) is None


def test_a_list_of_partitions_is_literal_or_a_template_that_gives_one() -> None:
    config = {"ids": ["a", 2], "field": "id"}
    literal = built("partitions", "list", config, field="{{ config.field }}", values=["x", "{{ config['ids'][0] }}"])
    assert [s.partition for s in literal.slices((), Scope({}))] == [{"id": "x"}, {"id": "a"}]
    assert literal.parents == ()
    rendered = built("partitions", "list", config, field="f", values="{{ config['ids'] }}")
    assert [s.partition for s in rendered.slices((), Scope({}))] == [{"f": "a"}, {"f": 2}]
    with pytest.raises(TemplateFault, match="no list"):
        built("partitions", "list", config, field="f", values="{{ config.field }}").slices((), Scope({}))


def test_a_parents_records_are_partitions_with_their_own_inside_and_extra_fields_beside() -> None:
    parent = built("partitions", "parent", stream="p", key=["in", "id"], field="pid", extra=[["name"], ["in", "no"]])
    rows: list[dict[str, Any]] = [{"in": {"id": 1}, "name": "x"}, {"in": {}}, {"in": {"id": [5, 6]}}]
    got = list(parent.slices([Feed("p", Slice({"g": 1}), rows)], Scope({})))
    assert parent.parents == ("p",)
    assert [s.partition for s in got] == [{"pid": 1, "parent_slice": {"g": 1}}, {"pid": 5, "parent_slice": {"g": 1}}]
    assert [s.extra for s in got] == [{"name": "x", "in.no": None}, {"name": None, "in.no": None}]
