"""How one slice is had: one record of optional exchanges. No create: the request is the job. Neither: synchronous."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from jobstream.plan.component import Component, Frozen
from jobstream.plan.exchange import RETRY_AFTER, Exchange, Paged, Read, Value, Wait
from jobstream.plan.notes import ANSWER, Bytes, Many, Seconds, opt

Status: TypeAlias = Literal["running", "completed", "failed", "timed_out", "skipped"]
Doubt: TypeAlias = Literal["again", "same_key", "lookup", "park"]


class StatusMap(Frozen, frozen=True, kw_only=True):
    """API status -> status. Reached only when the rules said `accept`.

    spelling  how non-text is spelled before the look-up: python: True, None (Airbyte) · json: true, null (Celigo)
    unknown   what a text that no list names means
    """

    value: Annotated[Value, opt("API status", adds=ANSWER)]
    map: dict[str, Status]
    spelling: Literal["python", "json"] = "json"
    fold_case: bool = False
    unknown: Literal["halt", "failed", "running"] = "halt"


class Together(Frozen, frozen=True, kw_only=True):
    """Many polls in one request; its scope has `jobs`.

    rows    the list of answers · key: the job id inside a row; absent: the n-th row answers the n-th job
    body    where in a row the single answer is (Facebook: a JSON text) · code: likewise
    within  jobs due this much later come along
    """

    exchange: Annotated[Exchange, opt("Poll together", sees="together")]
    rows: Read
    key: Read | None = None
    body: Read | None = None
    code: Read | None = None
    most: Many = 50
    within: Seconds = 1.0


class Poll(Frozen, frozen=True, kw_only=True):
    """deadline counts from the creation, stall from the last change of progress; both judged on a fresh answer only."""

    exchange: Annotated[Exchange, opt("Polling", sees="poll")]
    status: Annotated[StatusMap | None, opt("Status", sees="poll")] = None
    first: Seconds = 0.0
    waits: tuple[Wait, ...] = (RETRY_AFTER, Wait(first=2.0, factor=1.5, most=60.0))
    deadline: Seconds | None = 3600.0
    stall: Seconds | None = None
    progress: Annotated[Value | None, opt("Progress", adds=ANSWER)] = None
    together: Together | None = None


class One(Frozen, frozen=True, kw_only=True, tag_field="is", tag="one"):
    """Exactly one target, without a value: the request knows where it is."""


class Here(Frozen, frozen=True, kw_only=True, tag_field="is", tag="here"):
    """The answer that said `completed` is itself a target: rows in the poll or creation answer."""


class Each(Frozen, frozen=True, kw_only=True, tag_field="is", tag="each"):
    """One target for each thing found.

    key    what stays the same when the list is asked for again with fresh links; absent: the position
    role   records · report: counted and shown, not delivered (FHIR error[])
    none   nothing found: skipped · failed · done (Airbyte: success without records, told)
    lives  how long the links live
    on     the status that lists it: `failed` takes what a failed job left (Shopify partialDataUrl), when no attempt is left
    """

    read: Read
    key: Read | None = None
    tag: str = ""
    role: Literal["records", "report"] = "records"
    none: Literal["skipped", "failed", "done"] = "failed"
    lives: Seconds | None = None
    on: Literal["completed", "failed", "timed_out"] = "completed"


class Count(Frozen, frozen=True, kw_only=True, tag_field="is", tag="count"):
    """n targets, numbered first .. n-1 (as the API counts them)."""

    n: Annotated[Value, opt("Parts", adds=ANSWER)]
    first: int = 0


Listing: TypeAlias = One | Here | Each | Count


class Expect(Frozen, frozen=True, kw_only=True):
    """What the API told, checked.

    records  how many documents a target holds
    length   raw bytes of a body · digest: of a body, hexadecimal or base64; headers that tell either are checked anyway
    media    content types, any of which it must have
    looks    what the bytes must not contradict: a page, an error or a status document is not data. auto: by the decoder
    """

    records: Annotated[Value | None, opt("Records promised", adds=ANSWER)] = None
    length: Annotated[Value | None, opt("Length promised", adds=ANSWER)] = None
    digest: Annotated[Value | None, opt("Digest promised", adds=ANSWER)] = None
    media: tuple[str, ...] = ()
    looks: Literal["auto", "any", "csv", "json", "jsonl", "xml"] = "auto"


class Fetch(Frozen, frozen=True, kw_only=True):
    """One target -> one or more parts. A part is one body, or consecutive pages up to part_bytes: the unit of receipt.

    parallel  targets of one job at a time · ahead: parts of a target stored before the first undelivered one
    deliver   parts: as they come · whole: only when all targets are stored (a new attempt stays possible until then)
    resumes   so often may a download that was cut off, and had gone on, have its retries counted anew
    """

    exchange: Exchange | None = None  # absent only where every target is Here
    pages: Annotated[Component | None, opt("Pages", kind="paginator", sees="page")] = None
    part_bytes: Bytes = 8 << 20
    parallel: Many = 2
    ahead: Many = 2
    deliver: Literal["parts", "whole"] = "parts"
    expect: Expect = Expect()
    resumes: Many = 1000


class Policy(Frozen, frozen=True, kw_only=True):
    """attempts: remote jobs for one slice · relists: fresh links in a row without a delivered part.

    doubt     a create without an answer: a new attempt · repeat with the same key · look it up · a person
    settle    no lookup sooner: half of it covers an intent sent late, half the request and the lag of the list
    busy_for  a slot is waited for this long
    """

    attempts: Many = 3
    attempt_waits: tuple[Wait, ...] = (Wait(first=0.0),)
    relists: Many = 3
    doubt: Doubt = "again"
    settle: Seconds = 5.0
    busy_for: Seconds | None = 86400.0
    abort_on: tuple[Literal["failed", "timed_out", "cancelled", "split"], ...] = ("timed_out", "cancelled", "split")
    slots: str = ""  # a name in SourcePlan.slots


class Retrieval(Frozen, frozen=True, kw_only=True):
    """reads_created: the creation answer may already tell the status (sameAsStatus, done at once).

    lookup  rules say `adopt` when found; `accept` = there is none
    locate  absent: listing again = polling again
    job_id  on the creation answer; also Celigo's handle
    """

    fetch: Annotated[Fetch, opt("Download", sees="fetch")]
    targets: Annotated[tuple[Listing, ...], opt("Targets", sees="locate")] = (One(),)
    before: Annotated[tuple[Exchange, ...], opt("Before creation", sees="before")] = ()
    create: Annotated[Exchange | None, opt("Creation", sees="create")] = None
    reads_created: bool = False
    lookup: Annotated[Exchange | None, opt("Look up", sees="lookup")] = None
    start: Annotated[tuple[Exchange, ...], opt("Start", sees="start")] = ()
    poll: Annotated[Poll | None, opt("Polling", sees="poll")] = None
    locate: Annotated[Paged | None, opt("Target lookup", sees="locate")] = None
    abort: Annotated[tuple[Exchange, ...], opt("Abort", sees="abort")] = ()
    delete: Annotated[tuple[Exchange, ...], opt("Clean up", sees="delete")] = ()
    job_id: Annotated[Value | None, opt("Job id", sees="create", adds=ANSWER)] = None
    policy: Policy = Policy()

    @property
    def is_synchronous(self) -> bool:
        return self.create is None and self.poll is None
