"""Misbehaviour: the table of what can go wrong, the text form, and the set that is in force, with its counters."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from typing import Literal, Protocol, TypeAlias, get_args

import msgspec
from msgspec import Struct

from jobstream.errors import UsageError

Route: TypeAlias = Literal["create", "poll", "list", "download", "rows", "sync", "query", "token", "cancel", "delete", "other"]
#: gate: instead of the answer · answer: what it says · job: the job's course, decided when it is made · link: its life ·
#: body: how it goes out · bytes: the compressed file · data: what is in the file; such faults mind only `file` and `job`
Where: TypeAlias = Literal["gate", "answer", "job", "link", "body", "bytes", "data"]


class Kind(Struct, frozen=True):
    """on: the routes where it happens unless told otherwise · times: likewise, 0 is always · value: the default VALUE."""

    name: str
    where: Where
    help: str
    on: tuple[str, ...] = ()
    value: float | str | None = None
    times: int = 0


_ANSWERS = ("create", "poll")
_FILE = ("download",)
_MAKES = ("create", "query")

_KINDS = (
    Kind("latency", "gate", "every answer comes VALUE seconds later (jitter=S: up to S more)", ("all",), 0.1),
    Kind("hang", "gate", "no answer at all; the connection stays open", ("poll",), times=1),
    Kind("drop", "gate", "the connection is closed without an answer, the request is not carried out", ("poll",), times=1),
    Kind("429", "gate", "Too Many Requests with Retry-After: VALUE seconds", ("create", "poll", "download"), 1.0),
    Kind("rate-limit", "gate", "429 for what is more than VALUE requests in a second", ("all",), 10.0),
    Kind("5xx", "gate", "answer VALUE (any status from 400)", ("create", "poll", "download"), 503.0, 2),
    Kind("redirect", "gate", "answer VALUE (301 to 308) to another host, which serves it", ("poll", "download"), 302.0),
    Kind("redirect-loop", "gate", "302 to the same address, for ever", ("poll",)),
    Kind("lost-create", "answer", "the job is made, then the connection is reset: the answer is lost", ("create",), times=1),
    Kind("busy", "answer", "409 with the id of the running job while VALUE jobs run", ("create",), 1.0),
    Kind("no-id", "answer", "the create is answered without an id", ("create",), times=1),
    Kind("malformed-json", "answer", "JSON that breaks off", _ANSWERS, times=1),
    Kind("xml", "answer", "the answer is XML", _ANSWERS),
    Kind("login-page", "answer", "200 and an HTML login page instead of data", _FILE, times=1),
    Kind("status-document", "answer", "200 and a JSON status document instead of data", _FILE, times=1),
    Kind("error-json", "answer", "200 and a JSON error instead of data", _FILE, times=1),
    Kind("no-urls", "answer", "ready, with an empty list of urls", ("poll",)),
    Kind("retry-after", "answer", "while it is pending, a poll says Retry-After: VALUE seconds", ("poll",), 5.0),
    Kind("unknown-status", "answer", "the status is VALUE", ("poll",), "archiving"),
    Kind("content-type", "answer", "the Content-Type is VALUE", _FILE, "text/html"),
    Kind("no-content-type", "answer", "there is no Content-Type", _FILE),
    Kind("duration", "job", "the job takes VALUE seconds (jitter=S: up to S more)", _MAKES, 10.0),
    Kind("vanished", "job", "404 after VALUE polls", _MAKES, 1.0),
    Kind("failed-once", "job", "the job fails; the next one is fine (times=N: the first N fail)", _MAKES, times=1),
    Kind("failed", "job", "the job fails", _MAKES),
    Kind("timed-out", "job", "the job ends in the status timeout", _MAKES),
    Kind("never-done", "job", "the job stays pending", _MAKES),
    Kind("link-expires", "link", "links live VALUE seconds", _FILE, 1.0),
    Kind("link-uses", "link", "a link works VALUE times", _FILE, 1.0),
    Kind("reset", "body", "the connection is reset after VALUE bytes of the body", _FILE, 1000.0, 1),
    Kind("short-body", "body", "VALUE bytes fewer than Content-Length tells, then the end", _FILE, 100.0, 1),
    Kind("slow-drip", "body", "the body comes at VALUE bytes a second", _FILE, 2000.0),
    Kind("chunked", "body", "chunks instead of a Content-Length", _FILE),
    Kind("until-close", "body", "neither Content-Length nor chunks: the close is the end", _FILE),
    Kind("content-encoding", "body", "gzip once more, told by Content-Encoding", _FILE),
    Kind("no-ranges", "body", "Range is ignored; neither ETag nor Accept-Ranges", _FILE),
    Kind("no-if-range", "body", "If-Range is ignored: with changed-file, a piece of another file", _FILE),
    Kind("wrong-range", "body", "a Range is answered with bytes from the first on, as its Content-Range tells", _FILE),
    Kind("cut-gzip", "bytes", "the gzip lacks its last VALUE bytes; the Content-Length fits (0: half of it)", _FILE, 0.0),
    Kind("corrupt-gzip", "bytes", "a byte in the middle of the gzip is wrong", _FILE),
    Kind("two-members", "bytes", "the gzip has two members", _FILE),
    Kind("double-gzip", "bytes", "gzip in gzip", _FILE),
    Kind("changed-file", "bytes", "the same rows in other bytes, with another ETag (after=1: from the second on)", _FILE),
    Kind("empty-file", "data", "no byte in the file"),
    Kind("header-only", "data", "a header and no rows"),
    Kind("quoted-newlines", "data", "line ends, quotes and commas in quoted fields"),
    Kind("bom", "data", "a byte order mark before the header"),
    Kind("nul", "data", "NUL bytes in fields"),
    Kind("latin-1", "data", "ISO 8859-1, with letters that are not ASCII"),
    Kind("semicolons", "data", "semicolons between fields"),
    Kind("ragged", "data", "of ten rows one is too short, one too long"),
)  # fmt: skip

KINDS = {kind.name: kind for kind in _KINDS}


class Fault(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One thing that goes wrong.

    value   None: the kind's own
    on      routes; empty: the kind's own; "all"
    times   how often at most; None: the kind's own; 0: always
    every   each n-th of the requests that it fits, the n-th first · after: let so many pass before
    per     what is counted for itself: the run, each route, each job, each file of each job
    job     only the n-th job made, from 1 · file: only this file, from 0
    """

    name: str
    value: float | str | None = None
    on: tuple[str, ...] = ()
    times: int | None = None
    every: int = 1
    after: int = 0
    per: Literal["run", "route", "job", "file"] = "run"
    job: int | None = None
    file: int | None = None
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if self.name not in KINDS:
            near = difflib.get_close_matches(self.name, KINDS, 1)
            raise ValueError(f"no fault is called {self.name!r}" + (f"; is {near[0]!r} meant?" if near else ""))
        if self.every < 1 or self.after < 0 or (self.times or 0) < 0:
            raise ValueError(f"{self.name}: every is at least 1, after and times at least 0")
        if strange := [r for r in self.on if r not in (*get_args(Route), "all")]:
            raise ValueError(f"{self.name}: there is no route {strange[0]!r}; there are {' '.join(get_args(Route))}")
        if isinstance(KINDS[self.name].value, float) and isinstance(self.value, str):
            raise ValueError(f"{self.name}: {self.value!r} is no number")  # noqa: TRY004 (msgspec tells ValueErrors with their place)

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    @property
    def number(self) -> float:
        found = self.kind.value if self.value is None else self.value
        return float(found or 0)

    @property
    def text(self) -> str:
        found = self.kind.value if self.value is None else self.value
        return str(found)


_LABELS = {"times": {"always": 0}}


def parse_fault(text: str) -> Fault:
    """NAME[=VALUE][,option=value]...: `429=2,every=5,on=create+poll` · `reset=4000,times=1,per=file` · `5xx=500,times=always`.

    Raises UsageError."""
    head, *options = text.split(",")
    name, _, value = head.partition("=")
    fields: dict[str, object] = {"name": name.strip()}
    if value:
        fields["value"] = _number(value)
    for option in options:
        key, _, said = option.partition("=")
        key = key.strip()
        fields[key] = said.split("+") if key == "on" else _LABELS.get(key, {}).get(said, _number(said))
    try:
        return msgspec.convert(fields, Fault)
    except msgspec.ValidationError as e:
        raise UsageError(
            f"--fault {text}: {e}",
            hint="NAME[=VALUE][,on=ROUTE+ROUTE][,times=N][,every=N][,after=N][,per=run|route|job|file][,job=N][,file=N]",
        ) from e


def _number(text: str) -> float | int | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() and "." not in text and "e" not in text.lower() else number


class Spot(Protocol):
    """Where a fault may happen: a request, perhaps of a job (its number from 1) and one of its files (from 0)."""

    @property
    def route(self) -> str: ...
    @property
    def job_n(self) -> int | None: ...
    @property
    def file(self) -> int | None: ...


class Faults:
    """What is in force. performed: how often each happened."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.performed: Counter[str] = Counter()
        self.set(faults)

    def set(self, faults: Iterable[Fault]) -> None:
        """In the place of what was in force; counters start again, what was performed stays."""
        self.all = tuple(faults)
        self._named: dict[str, list[int]] = {}
        for i, fault in enumerate(self.all):
            self._named.setdefault(fault.name, []).append(i)
        self._seen: Counter[tuple[int, object]] = Counter()
        self._done: Counter[tuple[int, object]] = Counter()

    def __contains__(self, name: str) -> bool:
        return name in self._named

    def __bool__(self) -> bool:
        return bool(self.all)

    def due(self, name: str, spot: Spot) -> Fault | None:
        """Whether it happens here, now; counts what it is asked."""
        for i in self._named.get(name, ()):
            fault = self.all[i]
            if not _fits(fault, spot):
                continue
            scope = (i, _scope(fault, spot))
            self._seen[scope] += 1
            n = self._seen[scope] - fault.after
            times = fault.kind.times if fault.times is None else fault.times
            if n < 1 or n % fault.every or (times and self._done[scope] >= times):
                continue
            self._done[scope] += 1
            self.performed[name] += 1
            return fault
        return None

    def named(self, name: str, spot: Spot) -> list[Fault]:
        """Those of a name that fit here, counted by nobody."""
        return [self.all[i] for i in self._named.get(name, ()) if _fits(self.all[i], spot)]

    def perform(self, fault: Fault) -> None:
        self.performed[fault.name] += 1

    def quirks(self, job_n: int | None, file: int) -> frozenset[str]:
        """What is odd in this file. The same for every download, so that its bytes are."""
        return quirks_of(self.all, job_n, file)


def quirks_of(faults: Iterable[Fault], job_n: int | None, file: int) -> frozenset[str]:
    return frozenset(
        f.name for f in faults if f.kind.where == "data" and f.job in (None, job_n) and f.file in (None, file)
    )  # fmt: skip


def _scope(fault: Fault, spot: Spot) -> object:
    match fault.per:
        case "run":
            return None
        case "route":
            return spot.route
        case "job":
            return spot.job_n
        case "file":
            return spot.job_n, spot.file


def _fits(fault: Fault, spot: Spot) -> bool:
    on = fault.on or fault.kind.on
    return (
        (spot.route in on or "all" in on)
        and (fault.job is None or fault.job == spot.job_n)
        and (fault.file is None or fault.file == spot.file)
    )
