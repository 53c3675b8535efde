"""Named credentials of a source: got once for all who wait, kept before they are used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from jobstream.jobs.event import Answer
from jobstream.kinds import Authenticator, Held, Wire
from jobstream.meaning.read import Tools
from jobstream.ports import NotSent, Ports
from jobstream.template.language import Scope


class Tokens:
    """Named credentials of a source: one acquire at a time for a name, however many wait.

    keep  seals and stores what is held before it is used: a rotating refresh token must survive a crash"""

    def __init__(self, auths: Mapping[str, Authenticator], tools: Tools, ports: Ports, *,
                 keep: Callable[[str, Held], None] = lambda name, held: None) -> None:  # fmt: skip
        self._auths, self._tools, self._ports, self._keep = auths, tools, ports, keep
        self._held: dict[str, Held] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, name: str) -> tuple[Authenticator, Held | None]:
        """Raises NotSent or NoAnswer where a token cannot be had now."""
        auth = self._auths[name]
        async with self._locks.setdefault(name, asyncio.Lock()):
            talk = auth.acquire(self._held.get(name), self.names, self._ports.clock.now())
            if talk is not None:
                try:
                    wire = next(talk)
                    while True:
                        wire = talk.send(await self._answer(wire))
                except StopIteration as done:
                    self._held[name] = done.value
                    self._keep(name, done.value)
            return auth, self._held.get(name)

    def spoil(self, name: str, held: Held | None) -> None:
        """A 401 came with `held`. Somebody else may have a newer one already."""
        if held is not None and self._held.get(name) == held:
            self._held[name] = msgspec.structs.replace(held, until=0.0)

    @property
    def names(self) -> Scope:
        config = self._tools.config
        return Scope({"config": lambda: config})

    async def _answer(self, wire: Wire) -> Answer:
        got = await self._ports.transport.send(wire, timeout=60.0, follow=False, budget="")
        try:
            answer = Answer(got.code, got.headers, b"".join([c async for c in got.chunks()]), got.url)
        finally:
            await got.close()
        if answer.code >= 400:
            raise NotSent(f"no token: {answer.code}")
        return answer
