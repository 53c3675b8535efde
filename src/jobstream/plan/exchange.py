"""One request and what its answer means. Everything that talks is an Exchange = Request + Rules + Reading."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from jobstream.plan.component import Component, Frozen
from jobstream.plan.notes import ANSWER, TEMPLATE, Bytes, Cond, Json, Many, Seconds, Text, opt


class Name(Frozen, frozen=True, tag_field="is", tag="name"):
    """A dotted name of the scope, taken raw: no template engine, no text in between. `Name("page.token")`."""

    name: str


class Read(Frozen, frozen=True, tag_field="is", tag="read"):
    """A place in an answer.

    at       body · header (path = its name, case-insensitive) · code · url (after redirects)
    path     keys, indexes and '*', one after another; each literal
    falsy    drop: "", 0, false, null, [] read as absent (Airbyte) · keep
    secret   what is found here is never shown (signed links)
    """

    path: tuple[str, ...] = ()
    at: Literal["body", "header", "code", "url"] = "body"
    falsy: Literal["keep", "drop"] = "keep"
    secret: bool = False


Value: TypeAlias = Annotated[str, TEMPLATE] | Name | Read
Field: TypeAlias = Annotated[str, TEMPLATE] | Name


class Wait(Frozen, frozen=True, kw_only=True):
    """How long to leave it alone. In a list the first that gives a number wins. Polls, retries, busy slots: one type.

    read   where the API says it; absent: first * factor**n, at most `most`
    unit   auto: seconds or an HTTP date · minutes · epoch: an instant · rate: requests a second, so 1/x (SP-API)
    """

    read: Read | None = None
    unit: Literal["auto", "minutes", "epoch", "rate"] = "auto"
    first: Seconds = 5.0
    factor: Annotated[float, Meta(ge=1)] = 1.0
    least: Seconds = 0.0
    most: Seconds = 3600.0
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.1


RETRY_AFTER = Wait(read=Read(at="header", path=("Retry-After",)))

Verdict: TypeAlias = Literal[
    "accept",  # take it; where a status is read, the map goes on
    "running", "completed", "failed", "timed_out", "skipped",  # the answer is the status
    "retry", "throttled", "sign", "busy", "doubt",  # the same request again: why, and what it counts
    "adopt", "relist", "restart", "split",  # another way to go on
    "stop", "halt",  # this job · the whole stream: ask the user
]  # fmt: skip


class When(Frozen, frozen=True, kw_only=True):
    """All that is given must hold. codes: '202', '4xx', '500-599', 'unsent' (never left), 'lost' (left, no answer)."""

    codes: tuple[str, ...] = ()
    contains: str = ""
    holds: Annotated[Cond, opt("When", adds=ANSWER)] = ""


class Rule(Frozen, frozen=True, kw_only=True):
    """When -> verdict.

    value  adopt: the id of the job that exists · into: the key it gets in the creation answer
    waits  how long before the same request, instead of the exchange's own
    """

    then: Verdict
    when: When = When()
    say: Annotated[Text, opt("Message", adds=ANSWER)] = ""
    value: Annotated[Value | None, opt("Id of the job that exists", adds=ANSWER)] = None
    into: str = ""
    waits: tuple[Wait, ...] = ()


class Body(Frozen, frozen=True, kw_only=True):
    """Every string inside `value` is a template; a Name inside it stays raw."""

    form: Literal["json", "form", "text", "multipart"]
    value: Annotated[Json, TEMPLATE]

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "value", msgspec.to_builtins(self.value))


class Request(Frozen, frozen=True, kw_only=True):
    """auth: a name in SourcePlan.auth; '' sends no credentials. Slice, page and size options are compiled into here.

    timeout     also bounds how old an intent may be when its request leaves
    drop_empty  a query value or header that renders empty or null is left out
    """

    url: Text
    method: str = "GET"
    query: dict[str, Field] = {}
    headers: dict[str, Field] = {}
    body: Body | None = None
    auth: str = ""
    anywhere: bool = False  # the person asked for credentials wherever this URL leads, also to hosts the plan does not name
    redirects: Literal["follow", "stop"] = "follow"  # to another host: credentials are dropped, always
    drop_empty: bool = True
    timeout: Seconds = 60.0
    budget: str = ""  # a name in SourcePlan.budgets


class Reading(Frozen, frozen=True, kw_only=True):
    """How a small answer becomes a value: decode, find the resource.

    decoder       the stream's own; one document is that document, several are a list; absent: by `body`
    most          a longer page is not looked into
    longest       of an answer that a step must read; beyond it the step fails. A long one lies in the spool, not in the ledger
    keep_request  method, url, headers (without credentials) and body of the request are kept beside the answer
    """

    body: Literal["auto", "json", "text", "none"] = "auto"
    resource: Read | None = None
    most: Bytes = 1 << 20
    longest: Bytes = 64 << 20
    decoder: Annotated[Component | None, opt("Answer format", kind="decoder")] = None
    keep_request: bool = False


class Exchange(Frozen, frozen=True, kw_only=True):
    """rules: lists, each followed by the source's default_rules; in a list the first match answers. The first list whose
    answer is not stop, halt or failed is obeyed, else the last list's answer (Airbyte's composite handlers)."""

    request: Request
    rules: tuple[tuple[Rule, ...], ...] = ((),)
    reading: Reading = Reading()
    retries: Many = 5
    waits: tuple[Wait, ...] = (RETRY_AFTER, Wait(first=1.0, factor=2.0, most=60.0))


class Paged(Frozen, frozen=True, kw_only=True):
    """An exchange asked page after page; the token enters by Name('page.token')."""

    exchange: Exchange
    pages: Annotated[Component | None, opt("Pages", kind="paginator", sees="page")] = None
