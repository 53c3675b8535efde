"""SimpleRetriever -> Retrieval: the request is the job. Options of cursor, partition and paginator are compiled into it."""

from __future__ import annotations

from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.extras import OfSimple, extra
from jobstream.dialects.airbyte.injection import Injected
from jobstream.dialects.airbyte.paging import paging
from jobstream.dialects.airbyte.places import Node
from jobstream.dialects.airbyte.requests import exchange
from jobstream.plan.retrieval import Fetch, Policy, Retrieval


def synchronous(c: Context, node: Node, cut: Injected) -> Retrieval:
    """cut: what cursor and partitions put into the request."""
    found = c.required(node, "requester", ("HttpRequester",), "HttpRequester")
    more, at = extra(c, node, OfSimple)
    more = more or OfSimple()
    pages = paging(c, node, "paginator")
    asked = exchange(c, found[0], more=cut.plus(pages.more), download=True) if found else None
    fetch = Fetch(exchange=asked, pages=pages.pages, part_bytes=more.part_bytes, deliver=more.deliver)
    fetch = c.made(fetch, node.place("requester"), pages=node.place("paginator"))
    policy = c.made(Policy(attempts=more.attempts), at)
    return c.made(Retrieval(fetch=fetch, policy=policy), node.at, fetch=node.place("requester"))
