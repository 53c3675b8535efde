"""Named credentials of a source: got once for all who wait, kept before they are used."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping

import msgspec
from msgspec import structs

from jobstream.jobs.event import Answer
from jobstream.kinds import Authenticator, Held, Refused, Wire
from jobstream.meaning.read import Tools
from jobstream.ports import NotSent, Ports
from jobstream.records.trace import Trace
from jobstream.redact import Redactor
from jobstream.template.language import Scope

_LATER = frozenset((408, 425, 429))


class Tokens:
    """One acquire at a time for a name, however many wait. What is got goes into the vault before it is used: a refresh token
    that rotates survives a crash.

    source  part of the name in the vault"""

    def __init__(self, auths: Mapping[str, Authenticator], tools: Tools, ports: Ports, *, source: str = "",
                 redactor: Redactor | None = None) -> None:  # fmt: skip
        self._auths, self._tools, self._ports = auths, tools, ports
        self._source, self._redactor = source, redactor or Redactor()
        self._basis = _hash(tools.config)
        self._held: dict[str, Held] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._refused: dict[str, str] = {}

    async def get(self, name: str) -> tuple[Authenticator, Held | None]:
        """Raises NotSent or NoAnswer where a token cannot be had now, Refused where it never will be."""
        auth = self._auths[name]
        async with self._locks.setdefault(name, asyncio.Lock()):
            if name in self._refused:
                raise Refused(self._refused[name])  # it was asked once; the person must act
            if auth.acquire(self._held.get(name), self.names, self._ports.clock.now()) is not None:
                await self._recall(name)
                await self._renew(name, auth)
            return auth, self._held.get(name)

    async def _recall(self, name: str) -> None:
        """What was got before us, or by a process beside us; not what was got with another config."""
        there = await self._ports.vault.held(self._place(name))
        mine = self._held.get(name)
        if there is not None and there.basis == self._basis and (mine is None or there.values != mine.values):
            self._take(name, there)

    async def _renew(self, name: str, auth: Authenticator) -> None:
        talk = auth.acquire(self._held.get(name), self.names, self._ports.clock.now())
        if talk is None:
            return
        try:
            wire = next(talk)
            while True:
                wire = talk.send(await self._answer(wire))
        except Refused as e:
            self._refused[name] = str(e)
            raise
        except StopIteration as done:
            held: Held = structs.replace(done.value, basis=self._basis)
            await self._ports.vault.hold(self._place(name), held)
            self._take(name, held)

    def _take(self, name: str, held: Held) -> None:
        self._held[name] = held
        self._redactor.learn(*held.values.values())

    def _place(self, name: str) -> str:
        return f"{self._source}/{name}"

    def spoil(self, name: str, held: Held | None) -> None:
        """A 401 came with `held`. Somebody else may have a newer one already."""
        if held is not None and self._held.get(name) == held:
            self._held[name] = structs.replace(held, until=0.0)

    @property
    def names(self) -> Scope:
        config = self._tools.config
        return Scope({"config": lambda: config})

    async def _answer(self, wire: Wire) -> Answer:
        began = self._ports.clock.now()
        got = await self._ports.transport.send(wire, timeout=60.0, follow=False, budget="")
        try:
            answer = Answer(got.code, got.headers, b"".join([c async for c in got.chunks()]), got.url, via=got.via)
        finally:
            await got.close()
        self._trace(wire, answer, began)
        if answer.code >= 500 or answer.code in _LATER:
            raise NotSent(f"no token: {answer.code}")
        return answer

    def _trace(self, wire: Wire, answer: Answer, began: float) -> None:
        """Both bodies are secrets; a refusal is shown, for it says why."""
        bad = answer.code >= 300
        self._ports.trace(Trace(
            stream="", job="", attempt=1, step="auth", n=1, at=began, took=self._ports.clock.now() - began, method=wire.method,
            url=self._redactor.url(wire.url), headers=self._redactor.headers(wire.headers), body="****" if wire.body else "",
            code=answer.code, answer_headers=self._redactor.headers(answer.headers),
            answer_body=self._redactor.body(answer.body) if bad else "****", verdict="stop" if bad else "accept",
            via=answer.via))  # fmt: skip


def _hash(config: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(config, order="deterministic"), digest_size=16).hexdigest()
