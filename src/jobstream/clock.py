"""The only sources of time and chance."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid


class SystemClock:
    """Epoch seconds, UTC."""

    def now(self) -> float:
        return time.time()

    async def until(self, at: float, or_: asyncio.Event) -> None:
        """Returns at `at` (epoch seconds; inf: never) or when the event is set, whichever is first."""
        try:
            async with asyncio.timeout(None if at == float("inf") else max(0.0, at - time.time())):
                await or_.wait()
        except TimeoutError:
            return


def new_id() -> str:
    """A name that nobody else has: sorted by time of birth, 20 characters of hexadecimal."""
    return f"{int(time.time() * 1000):012x}{secrets.token_hex(4)}"


def new_uuid() -> str:
    """For templates that ask for one."""
    return str(uuid.uuid4())
