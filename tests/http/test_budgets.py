"""Budgets: never more than the rate in any window, first come first served, one timer however many wait."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobstream.clock import SystemClock
from jobstream.http.budgets import LONGEST, Budgets
from jobstream.http.transport import HttpTransport
from jobstream.kinds import Wire
from jobstream.plan.source import Budget
from jobstream.ports import NotSent
from jobstream.testing.clock import VirtualClock
from raw_server import Asked, answer, serving


class Hand:
    """A clock that is moved by hand and remembers who waits. It may also run backwards."""

    def __init__(self) -> None:
        self.at, self.waits, self._moved = 1000.0, 0, asyncio.Event()

    def now(self) -> float:
        return self.at

    async def until(self, at: float, or_: asyncio.Event) -> None:
        self.waits += 1
        while self.at < at and not or_.is_set():
            await self._moved.wait()

    async def move(self, to: float) -> None:
        self.at = to
        self._moved.set()
        self._moved = asyncio.Event()
        for _ in range(20):
            await asyncio.sleep(0)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 6),
    st.sampled_from([0.5, 1.0, 60.0]),
    st.lists(st.tuples(st.floats(0, 30), st.booleans()), min_size=1, max_size=25),
)
def test_no_window_holds_more_than_the_rate(rate: int, per: float, arrivals: list[tuple[float, bool]]) -> None:
    clock, took = VirtualClock(turns=40), list[float]()
    budgets = Budgets({"a": Budget(rate=rate, per=per)}, clock)

    async def one(after: float, slows: bool) -> None:
        await budgets.take("a")
        took.append(clock.now())
        if slows:
            budgets.slow("a", clock.now() + after)

    async def run() -> None:
        await asyncio.gather(*(one(*a) for a in arrivals))

    asyncio.run(run())
    assert len(took) == len(arrivals) and took == sorted(took)
    assert all(b - a >= per - 1e-6 for a, b in zip(took, took[rate:], strict=False))


async def test_first_come_first_served_and_nobody_turns_in_circles() -> None:
    clock, took = Hand(), list[int]()
    budgets = Budgets({"a": Budget(rate=2, per=10.0)}, clock)

    async def one(i: int) -> None:
        await budgets.take("a")
        took.append(i)

    tasks = [asyncio.create_task(one(i)) for i in range(100)]
    await clock.move(1000.0)
    assert took == [0, 1] and clock.waits == 1
    tasks[2].cancel()
    await clock.move(1010.0)
    assert took == [0, 1, 3, 4] and clock.waits <= 4
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_clock_that_is_set_back_holds_nobody_for_longer_than_a_window() -> None:
    clock = Hand()
    budgets = Budgets({"a": Budget(rate=1, per=10.0)}, clock)
    await budgets.take("a")
    clock.at = 10.0
    second = asyncio.create_task(budgets.take("a"))
    await clock.move(10.0)

    await clock.move(20.0)

    assert second.done()


async def test_what_has_no_budget_does_not_wait() -> None:
    budgets = Budgets({"a": Budget(rate=1)}, Hand())

    for _ in range(5):
        await budgets.take("")
    budgets.slow("", 1e12)
    await budgets.take("")
    await budgets.enter("")
    budgets.leave("")


async def test_one_answer_stops_a_budget_for_a_minute_at_most() -> None:
    clock = Hand()
    budgets = Budgets({"a": Budget()}, clock)
    budgets.slow("a", 1e12)
    waiting = asyncio.create_task(budgets.take("a"))
    await clock.move(1000.0 + LONGEST - 1)
    assert not waiting.done()

    await clock.move(1000.0 + LONGEST)

    assert waiting.done()


async def test_the_real_clock_keeps_a_rate() -> None:
    budgets, loop = Budgets({"a": Budget(rate=2, per=0.1)}, SystemClock()), asyncio.get_running_loop()
    began = loop.time()

    await asyncio.gather(*(budgets.take("a") for _ in range(6)))

    assert loop.time() - began >= 0.19


@pytest.mark.parametrize(("told", "waits"), [("7", 7.0), ("Thu, 01 Jan 1970 00:16:47 GMT", 7.0), ("soon", 0.0), ("", 0.0), ("-3", 0.0),
                                             ("Thu Jan  1 00:16:47 1970", 7.0)])  # fmt: skip
async def test_a_429_slows_its_budget_down(told: str, waits: float) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(answer(b"", 429, *([f"Retry-After: {told}"] if told else [])))

    clock = Hand()
    budgets = Budgets({"a": Budget()}, clock)
    http = HttpTransport(clock, allow_private=True, budgets=budgets)
    async with serving(say) as server:
        got = await http.send(Wire("GET", server.origin), timeout=5.0, follow=False, budget="a")
        await got.close()
    await http.close()
    waiting = asyncio.create_task(budgets.take("a"))
    await clock.move(1000.0 + waits - 0.5)
    assert waiting.done() == (not waits)

    await clock.move(1000.0 + waits)

    assert waiting.done()


async def test_open_requests_are_counted_until_their_bodies_are_read() -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(answer(b"x" * 10))

    clock = SystemClock()
    http = HttpTransport(clock, allow_private=True, budgets=Budgets({"a": Budget(open=2)}, clock))
    async with serving(say) as server:
        wire = Wire("GET", server.origin)
        first = await http.send(wire, timeout=5.0, follow=False, budget="a")
        second = await http.send(wire, timeout=5.0, follow=False, budget="a")
        with pytest.raises(NotSent):
            await http.send(wire, timeout=0.1, follow=False, budget="a")

        await first.close()
        await first.close()
        third = await http.send(wire, timeout=5.0, follow=False, budget="a")
        with pytest.raises(NotSent):
            await http.send(wire, timeout=0.1, follow=False, budget="a")

        for got in (second, third):
            assert [c async for c in got.chunks()] == [b"x" * 10]
        await (await http.send(wire, timeout=5.0, follow=False, budget="a")).close()
        assert len(server.asked) == 4
    await http.close()


async def test_a_request_that_fails_gives_its_place_back() -> None:
    clock = SystemClock()
    http = HttpTransport(clock, allow_private=True, budgets=Budgets({"a": Budget(open=1)}, clock))
    for _ in range(3):
        with pytest.raises(NotSent, match="refused"):
            await http.send(Wire("GET", "http://127.0.0.1:1/"), timeout=5.0, follow=False, budget="a")
    await http.close()
