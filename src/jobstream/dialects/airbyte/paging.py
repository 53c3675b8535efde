"""Paginators: the strategy is a component, its size and token are put into the request."""

from __future__ import annotations

from typing import NamedTuple

from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.injection import Injected, injected
from jobstream.dialects.airbyte.leaf import leaf
from jobstream.dialects.airbyte.places import Node
from jobstream.plan.component import Component
from jobstream.plan.exchange import Name


class Paging(NamedTuple):
    pages: Component | None = None
    more: Injected = Injected()


def paging(c: Context, retriever: Node, field: str) -> Paging:
    found = c.typed(retriever, field, ("DefaultPaginator", "NoPagination"), "NoPagination")
    if found is None or found[1] == "NoPagination":
        return Paging()
    pager = found[0]
    c.require(pager, "pagination_strategy")
    strategy = c.node(pager, "pagination_strategy")
    pages = leaf(c, strategy, "paginator")
    token = injected(c, pager, "page_token_option", Name("page.token"), may_be_path=True)
    size = injected(c, pager, "page_size_option", c.text(strategy, "page_size") if strategy else "")
    if size.puts and strategy is not None and not c.text(strategy, "page_size"):
        c.faults.tell("missing_field", f"{strategy.at}/page_size", "", "page_size_option puts it into the request")
    return Paging(pages, size.plus(token))
