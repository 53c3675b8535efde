"""Tokens: kept before they are used, found again by the next process, not asked for twice when they are refused."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Generator
from typing import Any

import msgspec
import pytest

from jobstream.engine.tokens import Tokens
from jobstream.jobs.event import Answer
from jobstream.kinds import Held, Refused, Wire
from jobstream.meaning.read import Tools
from jobstream.ports import NotSent, Ports
from jobstream.records.trace import Trace
from jobstream.redact import Redactor
from jobstream.template.language import Scope
from jobstream.testing.clock import VirtualClock, inline
from jobstream.testing.destinations import Keyed
from jobstream.testing.fake_api import Reply
from jobstream.testing.spool import MemorySpool


class Rotating:
    """Every refresh makes the refresh token before it useless."""

    def acquire(self, held: Held | None, names: Scope, now: float) -> Generator[Wire, Answer, Held] | None:
        return None if held is not None and held.until > now else self._talk(held, now)

    def _talk(self, held: Held | None, now: float) -> Generator[Wire, Answer, Held]:
        refresh = held.values["refresh"] if held is not None else "r0"
        answer = yield Wire("POST", "https://auth.test/token", body=refresh.encode())
        if answer.code >= 400:
            raise Refused("sign in again")
        return Held(msgspec.json.decode(answer.body), now + 100)

    def sign(self, wire: Wire, held: Held | None, names: Scope) -> Wire:
        return wire


class Server:
    def __init__(self) -> None:
        self.good, self.asked, self.code = "r0", 0, 200

    async def send(self, wire: Wire, *, timeout: float, follow: bool, budget: str) -> Reply:
        self.asked += 1
        if self.code != 200 or wire.body.decode() != self.good:
            return Reply(self.code if self.code != 200 else 400, {}, wire.url, b'{"error":"invalid_grant"}')
        self.good = f"r{self.asked}"
        return Reply(200, {}, wire.url, msgspec.json.encode({"access": f"access{self.asked}", "refresh": self.good}))


class Safe:
    """A vault that may break."""

    def __init__(self) -> None:
        self.there: dict[str, Held] = {}
        self.broken = False

    async def held(self, name: str) -> Held | None:
        return self.there.get(name)

    async def hold(self, name: str, held: Held) -> None:
        if self.broken:
            raise OSError("no space")
        self.there[name] = held


class Bench:
    def __init__(self) -> None:
        self.server, self.safe, self.clock = Server(), Safe(), VirtualClock()
        self.traces: list[Trace] = []

    def tokens(self, config: Any = None) -> Tokens:
        ports: Any = Ports(self.clock, self.server, None, MemorySpool(), Keyed(True), self.traces.append, inline,  # type: ignore[arg-type]
                           vault=self.safe)  # fmt: skip
        return Tokens({"a": Rotating()}, Tools(config=config), ports, source="x", redactor=Redactor())


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def access(tokens: Tokens) -> str:
    _, held = await tokens.get("a")
    assert held is not None
    return held.values["access"]


async def test_a_rotated_refresh_token_is_found_by_the_next_process(bench: Bench) -> None:
    assert await access(bench.tokens()) == "access1"
    assert await access(bench.tokens()) == "access1", "still good: not asked for again"
    bench.clock.at += 200
    assert await access(bench.tokens()) == "access2", "by the refresh token that was kept"


async def test_a_process_beside_us_may_have_a_newer_one(bench: Bench) -> None:
    mine, other = bench.tokens(), bench.tokens()
    await access(mine)
    bench.clock.at += 200
    assert await access(other) == "access2"
    assert await access(mine) == "access2" and bench.server.asked == 2


async def test_what_was_got_with_another_config_is_not_ours(bench: Bench) -> None:
    await access(bench.tokens({"refresh_token": "r0"}))
    bench.server.good = "r0"
    assert await access(bench.tokens({"refresh_token": "another"})) == "access2"


async def test_no_token_is_used_that_could_not_be_kept(bench: Bench) -> None:
    tokens = bench.tokens()
    bench.safe.broken = True
    with pytest.raises(OSError, match="no space"):
        await tokens.get("a")
    assert tokens._held == {}


async def test_a_refusal_is_asked_for_once_and_a_busy_server_again(bench: Bench) -> None:
    tokens = bench.tokens()
    bench.server.code = 503
    for _ in itertools.repeat(None, 2):
        with pytest.raises(NotSent):
            await tokens.get("a")
    bench.server.code = 401
    for _ in itertools.repeat(None, 3):
        with pytest.raises(Refused):
            await tokens.get("a")
    assert bench.server.asked == 3


async def test_a_refused_token_is_renewed_by_one_of_many(bench: Bench) -> None:
    tokens = bench.tokens()
    _, held = await tokens.get("a")
    for _ in range(5):
        tokens.spoil("a", held)
        await asyncio.gather(*(tokens.get("a") for _ in range(20)))
    assert bench.server.asked == 2


async def test_the_trace_has_no_token(bench: Bench) -> None:
    tokens = bench.tokens()
    await tokens.get("a")
    assert [t.title for t in bench.traces] == ["Refresh token"]
    assert "r0" not in str(bench.traces) and "access1" not in str(bench.traces)
