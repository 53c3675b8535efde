"""The next page is a Link header (RFC 8288)."""

from __future__ import annotations

from typing import Annotated, Literal

from jobstream.components.options import Options, opt
from jobstream.components.pagination.links import links
from jobstream.kinds import Page
from jobstream.plan.notes import Json
from jobstream.template.language import Scope


class LinkPages(Options, frozen=True):
    """Pages by the `Link` header (RFC 8288). The token is the absolute URL of the next page. Paged without decoding."""

    rel: Annotated[str, opt("Relation", min_length=1)] = "next"

    @property
    def sees(self) -> Literal["headers", "body", "records"]:
        return "headers"

    def first(self) -> Json:
        return None

    def next(self, page: Page, names: Scope) -> Json:
        found = links(page.answer.headers.get("link", ""), page.answer.url).get(self.rel.lower())
        return found["url"] if found else None
