"""Pages by number."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from jobstream.components.options import Options, opt
from jobstream.components.pagination.counted import Size, is_last, size_of
from jobstream.kinds import Build, Page
from jobstream.plan.notes import Json, Text
from jobstream.template.language import Scope


class NumberedPages(Options, frozen=True):
    """Pages by number. Ends on an empty page and, where the page size is known, on one with fewer records."""

    page_size: Annotated[
        int | Text | None, opt("Page size", "Empty: only an empty page ends it.", sees="page", unit="records")
    ] = None
    start: Annotated[int, opt("First page")] = 0
    first_asked: Annotated[bool, opt("Ask the first by number", "False: the first request carries no page number.")] = False

    def build(self, build: Build) -> object:
        return Numbers(size_of(self.page_size, build), self.start, self.first_asked)


class Numbers(msgspec.Struct, frozen=True):
    size: Size
    start: int
    first_asked: bool

    @property
    def sees(self) -> Literal["headers", "body", "records"]:
        return "records"

    def first(self) -> Json:
        return self.start if self.first_asked else None

    def next(self, page: Page, names: Scope) -> Json:
        if is_last(page, self.size, names):
            return None
        return (self.start if page.token is None else int(page.token)) + 1
