"""The next page is a Link header (RFC 8288)."""

from __future__ import annotations

from typing import Annotated

from jobstream.components.options import Options, opt


class LinkPages(Options, frozen=True):
    """Pages by the `Link` header (RFC 8288). The token is the absolute URL of the next page. Paged without decoding."""

    rel: Annotated[str, opt("Relation", min_length=1)] = "next"
