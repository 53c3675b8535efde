"""A requester -> one exchange: request, rules, reading."""

from __future__ import annotations

import re

from jobstream.dialects.airbyte.auth import authenticator
from jobstream.dialects.airbyte.bodies import body_of
from jobstream.dialects.airbyte.budgets import budget_of
from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.extras import OfCreation, OfPolling, OfRequester, extra
from jobstream.dialects.airbyte.handlers import handled
from jobstream.dialects.airbyte.injection import Injected, Put, fields
from jobstream.dialects.airbyte.places import Cell, Node
from jobstream.dialects.airbyte.urls import Url, url_of
from jobstream.plan.exchange import Exchange, Field, Reading, Request, Rule
from jobstream.plan.notes import Json

_METHOD = re.compile(r"[A-Z][A-Z-]{1,19}")


def exchange(c: Context, node: Node, *, behind: tuple[Rule, ...] = (), expired: tuple[Rule, ...] = (), more: Injected = Injected(),
             reading: Reading = Reading(), download: bool = False,
             takes: type[OfRequester | OfCreation | OfPolling] = OfRequester) -> Exchange:  # fmt: skip
    """behind: rules after the author's own · expired: likewise, where the URL is a link that an answer told · takes: what may
    stand under its x-jobstream."""
    url = url_of(c, node, token=more.in_path)
    rules = handled(c, node, (*behind, *(expired if url.is_link else ())), download=download)
    own, _ = extra(c, node, takes)
    request = _request(c, node, url, more, own.timeout if own else OfRequester().timeout)
    made = Exchange(request=request, rules=rules.rules, retries=rules.retries, waits=rules.waits, reading=reading)
    places = {
        "rules": node.place("error_handler"),
        "retries": node.place("error_handler"),
        "waits": node.place("error_handler"),
    }
    return c.made(made, node.at, **places)


def _request(c: Context, node: Node, url: Url, more: Injected, timeout: float) -> Request:
    provider = c.typed(
        node, "request_options_provider", ("InterpolatedRequestOptionsProvider",), "InterpolatedRequestOptionsProvider"
    )
    sources = [node, *([provider[0]] if provider else [])]
    query, at_query = _fields(c, sources, "request_parameters", fields(more.puts, "query"), "query")
    headers, at_headers = _fields(c, sources, "request_headers", fields(more.puts, "header"), "headers")
    body = body_of(c, sources, more.puts)
    auth = authenticator(c, node)
    if auth and url.host and url.host not in c.hosts:
        c.hosts.append(url.host)
    method = _method(c, node)
    request = Request(url=url.text, method=method, query=query, headers=headers, body=body.body, auth=auth,
                      anywhere=bool(auth) and url.is_open, timeout=timeout, budget=budget_of(c, method, url.text))  # fmt: skip
    places = {"url": url.at, "method": node.place("http_method"), "auth": node.place("authenticator"), **at_query, **at_headers}
    return c.made(request, node.at, **places, **({"body": body.at} if body.at else {}))


def _method(c: Context, node: Node) -> str:
    method = c.fixed_text(node, "http_method", "GET").upper()
    if not _METHOD.fullmatch(method):
        c.faults.tell(
            "wrong_value", node.place("http_method"), method, "a method such as GET, POST, PUT, PATCH or DELETE is expected"
        )
        return "GET"
    return method


def _fields(
    c: Context, sources: list[Node], field: str, puts: dict[str, Put], name: str
) -> tuple[dict[str, Field], dict[str, str]]:
    """Query or headers: the author's own, then what is put in. The same name twice is told, as Airbyte tells it."""
    out: dict[str, Field] = {}
    places: dict[str, str] = {}
    for node in sources:
        cell = node.find(field)
        if cell is not None and isinstance(cell.raw, str) and cell.raw:
            c.wrong(cell, "a mapping of names and values is expected")
            continue
        for key, inner in c.entries(node, field).items():
            places[f"{name}/{key}"] = inner.at
            out[c.bind(node, key)] = _value(c, node, inner)
    for key, put in puts.items():
        if key in out and out[key] != put.value:
            c.faults.tell("wrong_value", put.at, key, f"{field} has it already")
        places[f"{name}/{key}"] = put.at
        out[key] = put.value
    return out, places


def _value(c: Context, node: Node, cell: Cell) -> str:
    if isinstance(cell.raw, dict) and cell.raw.get("type") == "QueryProperties":
        c.faults.tell("not_supported", cell.at, "QueryProperties", "lists of properties are not supported: write them out")
        return ""
    if isinstance(cell.raw, list):
        values: list[Json] = [c.text_of(node, x) for x in c.manifest.items(cell)]
        return repr(values)
    return "" if cell.raw is None else c.text_of(node, cell)
