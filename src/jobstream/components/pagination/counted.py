"""When a page is the last by the number of its records."""

from __future__ import annotations

from collections.abc import Callable

from jobstream.components.pagination.links import links
from jobstream.kinds import Build, Page
from jobstream.meaning.read import view
from jobstream.plan.notes import Json
from jobstream.template.language import Scope, TemplateFault

Size = Callable[[Scope], int | None]


def size_of(option: int | str | None, build: Build) -> Size:
    """The page size, where it is known. Raises TemplateFault when it is rendered to something else."""
    if option is None or isinstance(option, int):
        return lambda names: option
    value = build.value(option)

    def rendered(names: Scope) -> int | None:
        got: Json = value(names)
        if got in (None, ""):
            return None
        try:
            return int(got)
        except (TypeError, ValueError) as e:
            raise TemplateFault(f"the page size is {got!r}") from e

    return rendered


def seen(page: Page, names: Scope) -> Scope:
    """What templates of a paginator see besides. The Link header is seen by relation: `headers.link.next.url`."""
    answer = view(page.answer)
    if link := page.answer.headers.get("link"):
        headers = {**answer["headers"], "link": links(link, page.answer.url)}
        flat = {**answer["view"], "headers": headers} if isinstance(answer["view"], dict) else answer["view"]
        answer = {**answer, "headers": headers, "view": flat}
    return names.plus(answer=answer, last_record=page.last, page_size=page.n)


def is_last(page: Page, size: Size, names: Scope) -> bool:
    """Empty, or fewer than asked for."""
    asked = size(seen(page, names))
    return page.n == 0 or (asked is not None and page.n < asked)
