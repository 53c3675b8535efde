"""The next token is read by a template from the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from jobstream.components.options import Options, opt
from jobstream.kinds import Build, Page
from jobstream.meaning.read import view
from jobstream.plan.notes import Cond, Json, Text
from jobstream.template.language import Scope

_SEES = ("answer", "last_record", "page_size")


class CursorPages(Options, frozen=True):
    """Pages by a token that the answer tells. A falsy token, or `stop`, is the end."""

    token: Annotated[Text, opt("Next token", "Such as {{ response.next }}.", sees="page", adds=_SEES)]
    stop: Annotated[Cond, opt("Stop when", sees="page", adds=_SEES)] = ""

    page_size: Annotated[
        int | Text | None, opt("Page size", "What templates call page_size when it is asked for.", sees="page", unit="records")
    ] = None

    def build(self, build: Build) -> object:
        return Pages(build.value(self.token), build.truth(self.stop) if self.stop else None)


class Pages(msgspec.Struct, frozen=True):
    token: Callable[[Scope], Json]
    stop: Callable[[Scope], bool] | None

    @property
    def sees(self) -> Literal["headers", "body", "records"]:
        return "records"

    def first(self) -> Json:
        return None

    def next(self, page: Page, names: Scope) -> Json:
        scope = names.plus(answer=view(page.answer), last_record=page.last, page_size=page.n)
        if self.stop is not None and self.stop(scope):
            return None
        return self.token(scope) or None
