"""What the engine needs of the world."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, BinaryIO, ClassVar, Literal, NamedTuple, Protocol, TypeAlias

from msgspec import Struct

from jobstream.errors import HeldError
from jobstream.jobs.event import AnyEvent
from jobstream.kinds import Destination, Held, Wire
from jobstream.plan.notes import Json
from jobstream.records.trace import Sink

JobId: TypeAlias = str
Epoch: TypeAlias = int
Position: TypeAlias = int


class Clock(Protocol):
    def now(self) -> float: ...
    async def until(self, at: float, or_: asyncio.Event) -> None:
        """Returns at `at` or when the event is set. The only sleep in jobstream."""


class Incoming(Protocol):
    """One answer, body not yet read. Raw: no decompression; length and digest are counted by the reader.

    headers  names in lower case · url: after redirects, in the document's own words (an origin map is undone)
    via      the address that was really asked, where an origin map sent it elsewhere; else empty
    close    whoever does not read the body to its end says so; harmless twice
    """

    code: int
    headers: dict[str, str]
    url: str
    via: str

    def chunks(self) -> AsyncIterator[bytes]: ...
    async def close(self) -> None: ...


class Transport(Protocol):
    async def send(self, wire: Wire, *, timeout: float, follow: bool, budget: str) -> Incoming:
        """One signed request. Keeps hosts, budgets and pools. Raises NotSent (surely not) or NoAnswer (perhaps)."""


class Budgets(Protocol):
    """Requests against one account. Waited for before an intent is written: a transport never waits for a rate."""

    async def take(self, name: str) -> None:
        """Returns when one more request may leave. A name that the plan does not know: at once."""


class Unlimited:
    """No budget is kept."""

    async def take(self, name: str) -> None:
        return


Spending: TypeAlias = Literal["budget", "network", "download", "decode", "write"]
Spent: TypeAlias = Callable[[str, Spending, float], None]  # (stream, what, seconds); from any thread


def _unseen(stream: str, what: Spending, seconds: float) -> None:
    return


class NotSent(Exception): ...


class NoAnswer(Exception): ...


class Fenced(HeldError):
    """Another worker has this shard: write nothing, drop its jobs."""

    code: ClassVar[str] = "held.fenced"

    def __init__(self, what: str) -> None:
        super().__init__("another process has taken this over, and goes on with it", where=what,
                         hint="nothing is lost: see `jobstream jobs list`")  # fmt: skip


class SpoolLost(Exception):
    """The spool does not have what it stored."""


class Entry(Struct, frozen=True):
    """One row of the ledger. loose: may replace the last loose one of its job."""

    job: JobId
    seq: int
    event: AnyEvent
    loose: bool = False
    position: Position = 0


class Checkpoint(Struct, frozen=True):
    """What may be relied upon of a stream: written in the commit of the event that moved it."""

    stream: str
    state: Json


class Asked(Struct, frozen=True):
    """A person's wish about a job, left by any process.

    found: the API's id (`value`) of a create that was in doubt · not_made: there is none"""

    job: JobId
    what: Literal["cancel", "found", "not_made"]
    by: str
    value: Json = None


class Vault(Protocol):
    """Tokens that outlive a process, sealed."""

    async def held(self, name: str) -> Held | None: ...
    async def hold(self, name: str, held: Held) -> None:
        """Durable on return: before the token is used."""


class NoVault:
    """Tokens end with the process."""

    async def held(self, name: str) -> Held | None:
        return None

    async def hold(self, name: str, held: Held) -> None:
        return


class Ledger(Protocol):
    async def claim(self, shard: str, owner: str) -> Epoch:
        """Takes the shard: every older epoch is fenced from now on."""

    def read(self, shard: str, run: str = "") -> AsyncIterator[Entry]:
        """In order of (job, seq); the last loose event of a job, if newer, last. run: of ended jobs only those whose id begins
        with it; empty: all."""

    async def append(self, shard: str, epoch: Epoch, entries: list[Entry], checkpoints: list[Checkpoint]) -> Position:
        """All or none, durable on return: the position of the last entry in the shard. Raises Fenced."""

    async def checkpoints(self, shard: str) -> dict[str, Json]: ...
    async def requests(self, shard: str) -> list[Asked]:
        """Wishes left by other processes. The owner turns them into events, then says that they are settled."""

    async def settled(self, job: JobId) -> None: ...


class Writing(Protocol):
    """One body on its way into the spool. What was written survives a crash up to some earlier chunk, never beyond `offset`.

    offset  bytes that are there already: a download goes on from here
    mark    what was noted with those bytes (ETag, total length), empty at the beginning
    """

    @property
    def offset(self) -> int: ...
    @property
    def mark(self) -> dict[str, str]: ...
    async def restart(self, mark: dict[str, str]) -> None:
        """Forgets what is there; `mark` belongs to the bytes that come now."""

    async def write(self, chunk: bytes) -> None: ...
    async def keep(self) -> tuple[int, str]:
        """(length, digest) of the whole; visible under its name from now on, durable."""

    async def leave(self) -> None:
        """Closed unfinished: `begin` finds it again."""


class Spool(Protocol):
    """Bytes by name. Visible whole or not at all."""

    async def begin(self, name: str) -> Writing:
        """Opens a body, or one that was left unfinished under this name."""

    async def write(self, name: str, chunks: AsyncIterator[bytes]) -> tuple[int, str]:
        """(length, digest). Atomic."""

    def open(self, name: str) -> BinaryIO: ...  # seekable; raises SpoolLost
    async def drop(self, name: str) -> None:
        """What is whole and what is unfinished under this name; harmless where there is neither."""

    async def room(self) -> None: ...  # waits: the back-pressure on downloads


class Ports(NamedTuple):
    clock: Clock
    transport: Transport
    ledger: Ledger
    spool: Spool
    destination: Destination
    trace: Sink
    work: Callable[..., Awaitable[Any]] = asyncio.to_thread  # decode and deliver: a bounded thread pool
    budgets: Budgets = Unlimited()
    vault: Vault = NoVault()
    spent: Spent = _unseen
