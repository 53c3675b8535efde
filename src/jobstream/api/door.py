"""What every request passes before a route sees it: token, host, rate, size and time of the body."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
from collections.abc import Callable, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobstream.api.caller import Caller
from jobstream.api.problem import Problem, Refusal, rate_limited, unauthorized, unavailable
from jobstream.documents.store.tokens import Tokens
from jobstream.errors import KeepingError

_LOG = logging.getLogger("jobstream.api")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
_GUARDED = "/v1"  # below it everything needs a token, and no browser comes here by itself


class Limits(NamedTuple):
    """body_bytes, body_seconds: of the body of one request · rate: requests a second of one account, 0: no limit; a pause lets
    ten thirds of it through at once (Celigo: 300, and 1,000 at once)."""

    body_bytes: int = 5 << 20
    body_seconds: float = 30.0
    rate: float = 0.0


class Door:
    """hosts: names that a browser may call this server by; a page of another name is refused (DNS rebinding, foreign scripts).
    They bind only what is outside of /v1: there a token is needed that no browser sends by itself."""

    def __init__(self, app: ASGIApp, tokens: Tokens, limits: Limits, hosts: frozenset[str], now: Callable[[], float]) -> None:
        self._app, self._tokens, self._limits, self._hosts = app, tokens, limits, hosts
        self._buckets = Buckets(limits.rate, now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            refused = await self._enter(scope)
        except KeepingError as e:
            _LOG.error("%s", e)
            refused = unavailable().response()
        if refused is not None:
            await _drain(receive, self._limits.body_bytes, _PATIENCE)
        else:
            try:
                receive = await self._body(scope, receive)
            except Refusal as e:
                refused = e.response()
        await (refused or self._app)(scope, receive, send)

    async def _enter(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["path"] != _GUARDED and not scope["path"].startswith(f"{_GUARDED}/"):
            return self._foreign(headers)
        said = headers.get("authorization")
        match = _BEARER.fullmatch(said or "")
        token = await self._tokens.good(match[1]) if match else None
        if token is None:
            return unauthorized(header=said is not None)
        scope["caller"] = Caller(token)
        wait = self._buckets.take(token.account)
        return rate_limited(wait).response() if wait else None

    def _foreign(self, headers: Headers) -> Response | None:
        """A page or a name that is not ours."""
        asked = [("Host", f"//{headers.get('host', '')}"), ("Origin", headers.get("origin"))]
        for name, url in asked:
            if url is not None and _host(url) not in self._hosts:
                problem = Problem("foreign_host", f"The {name} of this request is not one that this server is known by.")
                return Refusal(403, problem).response()
        return None

    async def _body(self, scope: Scope, receive: Receive) -> Receive:
        """The whole body, read once. Raises Refusal where it is too large or too slow."""
        said = Headers(scope=scope).get("content-length", "")
        if said.isdecimal() and int(said) > self._limits.body_bytes:
            await self._pass(receive)
            raise self._large()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                whole = await self._read(receive)
        except TimeoutError as e:
            seconds = self._limits.body_seconds
            raise Refusal(408, Problem("timeout", f"The body did not come within {seconds:g} seconds."), headers=_CLOSE) from e
        return _once(whole, receive)

    async def _read(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message["type"] == "http.request" and message.get("more_body", False)
            if size > self._limits.body_bytes:
                if more:
                    await self._pass(receive)
                raise self._large()
        return b"".join(parts)

    async def _pass(self, receive: Receive) -> None:
        await _drain(receive, 4 * self._limits.body_bytes, self._limits.body_seconds)

    def _large(self) -> Refusal:
        text = f"The body is larger than {self._limits.body_bytes} bytes."
        return Refusal(413, Problem("too_large", text), headers=_CLOSE)


_CLOSE = {"Connection": "close"}
_PATIENCE = 5.0  # seconds for the body of somebody who is not let in


async def _drain(receive: Receive, most: int, seconds: float) -> None:
    """Reads a body that nobody wants: whoever still sends when the connection closes does not see the answer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while most > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                most -= len(message.get("body", b""))


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _once(body: bytes, receive: Receive) -> Receive:
    left: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return left.pop() if left else await receive()

    return replay


class Buckets:
    """One leaky bucket an account, in this process. rate: requests a second; 0: no limit."""

    def __init__(self, rate: float, now: Callable[[], float]) -> None:
        self._rate, self._most, self._now = rate, rate * 10 / 3, now
        self._full: dict[str, tuple[float, float]] = {}  # account -> tokens that were left, when

    def take(self, account: str) -> int:
        """0, or the whole seconds to wait."""
        if not self._rate:
            return 0
        now = self._now()
        left, at = self._full.get(account, (self._most, now))
        left = min(self._most, left + max(0.0, now - at) * self._rate)
        if left < 1:
            self._full[account] = (left, now)
            return max(1, math.ceil((1 - left) / self._rate))
        self._full[account] = (left - 1, now)
        return 0
