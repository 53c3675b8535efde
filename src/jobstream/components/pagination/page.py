"""Pages by number."""

from __future__ import annotations

from typing import Annotated

from jobstream.components.options import Options, opt
from jobstream.plan.notes import Text


class NumberedPages(Options, frozen=True):
    """Pages by number. Ends on an empty page and, where the page size is known, on one with fewer records."""

    page_size: Annotated[
        int | Text | None, opt("Page size", "Empty: only an empty page ends it.", sees="page", unit="records")
    ] = None
    start: Annotated[int, opt("First page")] = 0
    first_asked: Annotated[bool, opt("Ask the first by number", "False: the first request carries no page number.")] = False
