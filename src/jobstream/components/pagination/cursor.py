"""The next token is read by a template from the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from jobstream.components.options import Options, opt
from jobstream.components.pagination.counted import seen
from jobstream.kinds import Build, Page
from jobstream.plan.notes import Cond, Json, Text
from jobstream.template.language import Missing, Scope

_RECORDS = re.compile("record|size|data|count")
_BODY = re.compile("response|body")
_SEES = ("answer", "last_record", "page_size")


class CursorPages(Options, frozen=True):
    """Pages by a token that the answer tells. A falsy token, or `stop`, is the end."""

    token: Annotated[Text, opt("Next token", "Such as {{ response.next }}.", sees="page", adds=_SEES)]
    stop: Annotated[Cond, opt("Stop when", sees="page", adds=_SEES)] = ""

    page_size: Annotated[
        int | Text | None,
        opt("Page size", "For people; the request itself says it.", sees="page", unit="records", advanced=True),
    ] = None

    def build(self, build: Build) -> object:
        text = self.token + self.stop
        return Pages(build.value(self.token), build.truth(self.stop) if self.stop else None, _needed(text))


def _needed(text: str) -> Literal["headers", "body", "records"]:
    """Of a page, by the words of the templates; in doubt all of it."""
    if _RECORDS.search(text) or "{" not in text:
        return "records"
    return "headers" if "headers" in text and not _BODY.search(text) else "body"


class Pages(msgspec.Struct, frozen=True):
    token: Callable[[Scope], Json]
    stop: Callable[[Scope], bool] | None
    sees: Literal["headers", "body", "records"] = "records"

    def first(self) -> Json:
        return None

    def next(self, page: Page, names: Scope) -> Json:
        scope = seen(page, names)
        if self.stop is not None and self.stop(scope):
            return None
        try:
            return self.token(scope) or None
        except Missing:  # such as `headers.link.next.url` of an answer without a Link header
            return None
