"""What each kind of component must do. Pure and synchronous; only a destination touches the world."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import BinaryIO, Literal, Protocol, TypeVar

from msgspec import Struct

from jobstream.jobs.event import Answer, Slice
from jobstream.plan.component import Component, Kind
from jobstream.plan.notes import Json, Place
from jobstream.records.batch import Batch, PartKey, Row, Transform
from jobstream.records.counts import Tally
from jobstream.template.language import Scope, TemplateFault

T = TypeVar("T")


class Build(Protocol):
    """Handed to `build`: the only ways to get at anything else. names: what is known by then, the config."""

    @property
    def names(self) -> Scope: ...
    def part(self, component: Component) -> object: ...
    def text(self, source: str) -> Callable[[Scope], str]: ...
    def value(self, source: str) -> Callable[[Scope], Json]: ...
    def truth(self, source: str) -> Callable[[Scope], bool]: ...


class Wire(Struct, frozen=True):
    """A rendered request. Host fence, signing and redaction look at this and nothing else."""

    method: str
    url: str
    headers: dict[str, str] = {}
    body: bytes = b""
    credentials: tuple[str, ...] = ()  # names of headers that signing has put there: they do not follow to another host


class Held(Struct, frozen=True):
    """A token in hand. JSON; sealed and kept before it is used, so that a rotating refresh token survives.

    basis: a hash of the config that it was got with; written by the engine"""

    values: dict[str, str] = {}
    until: float = float("inf")
    basis: str = ""


class Refused(TemplateFault):
    """The API does not take the credential that the config has: the person signs in again. Says nothing secret."""


class Authenticator(Protocol):
    """acquire talks: yields requests, is sent their answers, returns what is to be held; one at a time for a credential.
    It is sent every answer but those that are worth asking again (429, 5xx); raises Refused. None: nothing to acquire. sign never talks, so ten thousand may sign at once."""

    def acquire(self, held: Held | None, names: Scope, now: float) -> Generator[Wire, Answer, Held] | None: ...
    def sign(self, wire: Wire, held: Held | None, names: Scope) -> Wire: ...


class Decoder(Protocol):
    """Over a spooled, seekable file, in a thread. Never holds the whole. Raises DataFault. A row given up: tally.spoil, and
    counted in tally.read."""

    def decode(self, source: BinaryIO, tally: Tally, names: Scope) -> Iterator[Batch]: ...


class Page(Struct, frozen=True):
    """n: records before filters. token: the one that this page was asked with."""

    answer: Answer
    n: int
    last: Row | None
    token: Json


class Paginator(Protocol):
    """sees: what it must be given; 'headers' alone lets the engine page without decoding. Tokens are JSON, in the ledger."""

    @property
    def sees(self) -> Literal["headers", "body", "records"]: ...
    def first(self) -> Json: ...
    def next(self, page: Page, names: Scope) -> Json: ...  # None: that was the last


class Feed(Struct, frozen=True):
    """Some records of one slice of a parent stream."""

    parent: str
    slice: Slice
    rows: list[Row]


class Partitions(Protocol):
    """parents: stream names; the engine reads them, by the same machine, and feeds what they give."""

    @property
    def parents(self) -> tuple[str, ...]: ...
    def slices(self, feeds: Iterable[Feed], names: Scope) -> Iterator[Slice]: ...


class Cursor(Protocol):
    """An unfold into slices and a fold over closed ones; all state is JSON of its own making, one for each partition.

    see is associative over batches of a target; close gets one `seen` a target, in any order of slices: a gap holds back."""

    def slices(self, state: Json, partition: Slice, now: float) -> Iterator[Slice]: ...
    def see(self, seen: Json, batch: Batch) -> Json: ...
    def close(self, state: Json, done: Slice, seen: tuple[Json, ...]) -> Json: ...
    def split(self, piece: Slice) -> tuple[Slice, ...]: ...  # (): cannot be cut further


class Destination(Protocol):
    """receipts  kept: a return of write means kept · lent: only the state that the next run is given means kept
    retracts  can take back all parts of an attempt; remembers the highest epoch of a retract and refuses lower ones
    write     pulls the batches: back-pressure is the iterator. The same key again: drop the batches, same receipt.
    """

    @property
    def receipts(self) -> Literal["kept", "lent"]: ...
    @property
    def retracts(self) -> bool: ...
    def write(self, key: PartKey, epoch: int, batches: Iterator[Batch]) -> str: ...
    def retract(self, stream: str, job: str, attempt: int, epoch: int) -> None: ...
    def checkpoint(self, stream: str, state: Json, position: int) -> None: ...


#: kind -> the place whose names its templates see, unless an option says its own.
SEEN_FROM: Mapping[Kind, Place] = {
    "auth": "config", "partitions": "slice", "cursor": "config", "paginator": "page", "decoder": "fetch",
    "transform": "record", "destination": "config",
}  # fmt: skip

__all__ = [
    "SEEN_FROM",
    "Authenticator",
    "Build",
    "Cursor",
    "Decoder",
    "Destination",
    "Feed",
    "Held",
    "Page",
    "Paginator",
    "Partitions",
    "Refused",
    "Transform",
    "Wire",
]  # fmt: skip
