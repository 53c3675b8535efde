"""Pages by offset."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from jobstream.components.options import Options, opt
from jobstream.components.pagination.counted import Size, is_last, size_of
from jobstream.kinds import Build, Page
from jobstream.plan.notes import Json, Text
from jobstream.template.language import Scope


class OffsetPages(Options, frozen=True):
    """Pages by the number of records so far. Ends on an empty page and, where the page size is known, on one with fewer records."""

    page_size: Annotated[
        int | Text | None, opt("Page size", "Empty: only an empty page ends it.", sees="page", unit="records")
    ] = None
    first_asked: Annotated[bool, opt("Ask the first by offset", "False: the first request carries no offset.")] = False

    def build(self, build: Build) -> object:
        return Offsets(size_of(self.page_size, build), self.first_asked)


class Offsets(msgspec.Struct, frozen=True):
    size: Size
    first_asked: bool

    @property
    def sees(self) -> Literal["headers", "body", "records"]:
        return "records"

    def first(self) -> Json:
        return 0 if self.first_asked else None

    def next(self, page: Page, names: Scope) -> Json:
        return None if is_last(page, self.size, names) else int(page.token or 0) + page.n
