"""The transport: aiohttp, one pool a process, no redirect, no retry, no decompression and no cookie of its own."""

from __future__ import annotations

import asyncio
import io
import os
import select
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from importlib.metadata import version

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from jobstream.http.budgets import Budgets
from jobstream.http.fence import Fence
from jobstream.http.origins import Origins
from jobstream.http.trip import MOVED, Trip
from jobstream.kinds import Wire
from jobstream.ports import Clock

_BROKEN = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)
_HUNG_UP = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
_BIG = 1 << 20  # a body from here on is written in pieces
_TRIES = 3  # connections found closed before anything was written


class HttpTransport:
    """Implements `ports.Transport`. Made outside a loop or in one; used in one loop; `close` at the end.

    origins        original origin -> the one that is really asked
    allow_private  this machine and its networks may be asked
    per_host       connections to one host; sockets: all together
    connect        seconds for one address to accept, TLS included; `timeout` of a send is over everything up to the headers
    idle           seconds without a byte, after which a body counts as cut off; however slow it drips, it is waited for
    keep_alive     seconds that an unused connection is kept: below the 5 s of common servers, which would close it on us
    """

    def __init__(self, clock: Clock, *, origins: Mapping[str, str] | None = None, allow_private: bool = False,
                 budgets: Budgets | None = None, per_host: int = 50, sockets: int = 200, connect: float = 20.0,
                 idle: float = 60.0, keep_alive: float = 4.0, resolver: AbstractResolver | None = None,
                 tls: ssl.SSLContext | None = None) -> None:  # fmt: skip
        self._clock, self._origins, self._budgets = clock, Origins(origins), budgets or Budgets({}, clock)
        self._fence = Fence(allow_private=allow_private, named=self._origins.ends)
        self._per_host, self._sockets, self._connect, self._idle = per_host, sockets, connect, idle
        self._keep_alive, self._resolver, self._tls = keep_alive, resolver, tls
        self._agent = f"jobstream/{version('jobstream')}"
        self._pool: aiohttp.ClientSession | None = None
        self._closed = False

    async def send(self, wire: Wire, *, timeout: float, follow: bool, budget: str) -> Received:
        """timeout: seconds until the headers of the last answer. Its body is read, or closed, by the caller.

        Raises NotSent where nothing was carried out for sure, NoAnswer where something may have been."""
        trip = Trip(wire, self._origins, self._agent)
        entered = False
        try:
            async with asyncio.timeout(timeout):
                await self._budgets.enter(budget)
                entered = True
                got = await self._travel(trip, follow)
        except BaseException as e:
            if entered:
                self._budgets.leave(budget)
            if isinstance(e, TimeoutError):
                raise trip.lost(f"no {'answer' if trip.left else 'free connection'} within {timeout:g} s") from e
            raise
        if got.status == 429:
            self._slow(got, budget)
        return Received(got, trip, self._idle, lambda: self._budgets.leave(budget))

    async def close(self) -> None:
        """Twice is once."""
        self._closed = True
        if self._pool is not None:
            await self._pool.close()

    async def _travel(self, trip: Trip, follow: bool) -> aiohttp.ClientResponse:
        while True:
            got = await self._hop(trip)
            to = got.headers.get("Location")
            if not follow or got.status not in MOVED or to is None:
                return got
            got.close()
            trip.go(got.status, to.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))

    async def _hop(self, trip: Trip) -> aiohttp.ClientResponse:
        body = io.BytesIO(trip.body) if len(trip.body) >= _BIG else trip.body or None
        try:
            return await self._session().request(
                trip.method, URL(trip.via or trip.url, encoded=True), headers=trip.headers, data=body, allow_redirects=False,
                skip_auto_headers=("Content-Type",), middlewares=(_Once(trip, self._connect),))  # fmt: skip
        except _BROKEN as e:
            raise trip.lost(_words(e, self._connect)) from e

    def _session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise RuntimeError("the transport is closed")
        if self._pool is None:
            connector = aiohttp.TCPConnector(
                limit=self._sockets, limit_per_host=self._per_host, keepalive_timeout=self._keep_alive, resolver=self._resolver,
                ssl=self._tls or True, socket_factory=self._fence.socket)  # fmt: skip
            self._pool = aiohttp.ClientSession(
                connector=connector, request_class=_Leaving, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False,
                trust_env=False, timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect),
                read_bufsize=1 << 18, max_line_size=1 << 15, max_field_size=1 << 15, max_headers=256)  # fmt: skip
        return self._pool

    def _slow(self, got: aiohttp.ClientResponse, budget: str) -> None:
        now = self._clock.now()
        told = _after(got.headers.get("Retry-After", ""), now)
        if told > 0:
            self._budgets.slow(budget, now + told)


class Received:
    """Implements `ports.Incoming`. Raw: what Content-Encoding says is not undone. A value that is no UTF-8 is read as Latin-1;
    a header that comes twice is one, with a comma between.

    chunks raises NoAnswer where the body is cut off or falls silent."""

    def __init__(self, got: aiohttp.ClientResponse, trip: Trip, idle: float, done: Callable[[], None]) -> None:
        self.code, self.url, self.via = got.status, trip.url, trip.via
        self.headers: dict[str, str] = {}
        for raw, value in got.raw_headers:
            name, text = raw.lower().decode("latin-1"), _text(value)
            self.headers[name] = f"{self.headers[name]}, {text}" if name in self.headers else text
        self._got, self._trip, self._idle, self._done = got, trip, idle, done
        self._open, self._since = True, 0.0
        self._watch: asyncio.TimerHandle | None = None

    async def chunks(self) -> AsyncGenerator[bytes]:
        content, now = self._got.content, asyncio.get_running_loop().time
        self._since = now()
        if not content.is_eof():
            self._listen()
        try:
            while chunk := await content.readany():
                self._since = float("inf")
                yield chunk
                self._since = now()
        except _BROKEN as e:
            self._trip.left = True
            silent = isinstance(e, _Silence)
            raise self._trip.lost(f"the body fell silent for {self._idle:g} s" if silent else "the body was cut off") from e
        finally:
            await self.close()

    async def close(self) -> None:
        if self._open:
            self._open = False
            if self._watch is not None:
                self._watch.cancel()
            self._got.close()
            self._done()

    def _listen(self) -> None:
        """One timer a body, not one a chunk. since: when the reader began to wait; inf: it is we who are busy."""
        loop = asyncio.get_running_loop()
        left = self._idle - max(0.0, loop.time() - self._since)
        if left > 0:
            self._watch = loop.call_later(left, self._listen)
        else:
            self._got.content.set_exception(_Silence())


class _Silence(OSError):
    """Nothing came for too long."""


class _Leaving(aiohttp.ClientRequest):
    """Knows when it leaves. A kept connection that the other side has closed in the meantime is not written to."""

    trip: Trip | None = None

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        if _hung_up(conn):
            raise _Stale
        assert self.trip is not None
        self.trip.left = True
        return await super().send(conn)


class _Stale(Exception):
    """Nothing was written."""


class _Once:
    """A request is written once. aiohttp by itself repeats an idempotent one on a fresh connection when the kept one breaks;
    a PUT or GET that creates a job must not be asked twice. It repeats only on its own errors, so none gets through."""

    def __init__(self, trip: Trip, connect: float) -> None:
        self._trip, self._connect = trip, connect

    async def __call__(self, req: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        assert isinstance(req, _Leaving)
        req.trip = self._trip
        for _ in range(_TRIES):
            try:
                return await handler(req)
            except _Stale:
                continue
            except _BROKEN as e:
                raise self._trip.lost(_words(e, self._connect)) from e
        raise self._trip.lost("closes every connection before it is asked")


def _hung_up(conn: Connection) -> bool:
    """The kernel knows, even where the loop has not come round to reading it."""
    transport = conn.transport
    if transport is None or transport.is_closing():
        return True
    asked = select.poll()
    asked.register(transport.get_extra_info("socket").fileno(), _HUNG_UP)
    return bool(asked.poll(0))


def _words(e: BaseException, connect: float) -> str:
    """Never the text of an error that may name the address with its query."""
    match e:
        case aiohttp.ClientConnectorDNSError():
            return "no address is known for this host"
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is refused: {getattr(e.certificate_error, 'verify_message', '') or 'not valid'}"
        case aiohttp.ClientConnectorSSLError():
            return f"TLS failed: {e.os_error.strerror or 'no agreement'}"
        case aiohttp.ClientConnectorError():
            return f"no connection: {_reason(e.os_error)}"
        case aiohttp.ConnectionTimeoutError():
            return f"no connection within {connect:g} s"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed before an answer came"
        case aiohttp.ClientResponseError():
            return "the head of its answer cannot be read, or is too long"
        case aiohttp.ClientOSError():
            return f"the connection broke: {_reason(e)}"
        case aiohttp.InvalidURL():
            return "not an http address"
        case _:
            return f"the connection broke: {type(e).__name__}"


def _reason(e: OSError) -> str:
    """asyncio puts addresses where the system has words."""
    if isinstance(e, PermissionError) or not e.errno:
        return e.strerror or str(e) or "reset"
    return os.strerror(e.errno).lower()


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _after(text: str, now: float) -> float:
    """Seconds that a Retry-After asks for (RFC 9110, 10.2.3); 0: nothing that can be read."""
    if text.strip().isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, when.replace(tzinfo=when.tzinfo or UTC).timestamp() - now)
