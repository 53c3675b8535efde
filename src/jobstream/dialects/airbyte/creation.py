"""The creation requester, and what happens when its answer is lost: a key, a look-up, a new job, or a person."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.extras import Lookup, OfCreation, extra
from jobstream.dialects.airbyte.places import EXTENSION, Cell, Node
from jobstream.dialects.airbyte.requests import exchange
from jobstream.dialects.airbyte.tables import DOUBT
from jobstream.plan.exchange import Exchange, Name, Reading, Request, Rule, When
from jobstream.plan.retrieval import Doubt


class Creation(NamedTuple):
    exchange: Exchange
    lookup: Exchange | None
    doubt: Doubt
    at: str


def creation(c: Context, retriever: Node, node: Node | None, reading: Reading) -> Creation:
    if node is None:
        return Creation(Exchange(request=Request(url="")), None, "again", retriever.at)
    made = exchange(c, node, behind=DOUBT, reading=reading, takes=OfCreation)
    more, at = extra(c, node, OfCreation)
    if more is None:
        return Creation(made, None, "again", at)
    if more.idempotency_key and more.lookup:
        c.faults.tell("wrong_value", at, "idempotency_key and lookup", "one of them is enough: take the key")
    if more.idempotency_key:
        return Creation(_keyed(c, made, more.idempotency_key, at), None, "same_key", at)
    if more.lookup is not None:
        return Creation(made, _lookup(c, node, more.lookup, reading, at), "lookup", at)
    return Creation(made, None, more.doubt, at)


def _keyed(c: Context, made: Exchange, header: str, at: str) -> Exchange:
    """The same key whenever the same attempt is asked again."""
    if header.lower() in {h.lower() for h in made.request.headers}:
        c.faults.tell("wrong_value", f"{at}/idempotency_key", header, "request_headers has it already")
    headers = {**made.request.headers, header: Name("job.key")}
    request = c.rebuilt(made.request, msgspec.structs.replace(made.request, headers=headers))
    return c.rebuilt(made, msgspec.structs.replace(made, request=request))


def _lookup(c: Context, node: Node, asked: Lookup, reading: Reading, at: str) -> Exchange | None:
    """Found: the job is adopted, under the name that the templates read. Not found: there is none."""
    cell = c.manifest.follow(c.manifest.members(c.manifest.follow(node.fields[EXTENSION]))["lookup"])
    inner = c.manifest.members(cell)
    requester = c.known(
        c.manifest.node(c.manifest.follow(inner["requester"]), node.params, node.trail), ("HttpRequester",), "HttpRequester"
    )
    if requester is None:
        return None
    want = "{% set want %}" + c.bind(node, asked.match.value) + "{% endset %}"
    rows = "response" + "".join(f"[{k!r}]" for k in asked.field_path)
    mine = f"(({rows}) or []) | selectattr({'.'.join(asked.match.path)!r}, 'equalto', want) | list"
    found = "".join(f"[{k!r}]" for k in asked.id_path)
    rule = Rule(then="adopt", when=When(codes=("200-399",), holds=want + "{{ " + mine + " | length > 0 }}"),
                value=want + "{{ (" + mine + ")[0]" + found + " }}", into=asked.into or asked.id_path[-1])  # fmt: skip
    place = Cell(None, f"{at}/lookup/match").at
    c.made(rule.when, place, holds=place)
    return exchange(c, requester[0], behind=(c.made(rule, place, value=place),), reading=reading)
