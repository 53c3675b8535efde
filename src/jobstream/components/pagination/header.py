"""The next token is a response header."""

from __future__ import annotations

from typing import Annotated, Literal

from jobstream.components.options import Options, opt
from jobstream.kinds import Page
from jobstream.plan.notes import Json
from jobstream.template.language import Scope


class HeaderPages(Options, frozen=True):
    """Pages by response header (Salesforce's Sforce-Locator). Paged without decoding."""

    name: Annotated[str, opt("Header", "Case-insensitive.", min_length=1)]
    last: Annotated[str, opt("Last page when", "A value that means there is no further page.")] = ""

    @property
    def sees(self) -> Literal["headers", "body", "records"]:
        return "headers"

    def first(self) -> Json:
        return None

    def next(self, page: Page, names: Scope) -> Json:
        got = page.answer.headers.get(self.name.lower())
        return None if got in (None, "", self.last) else got
