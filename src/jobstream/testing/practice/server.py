"""The three listeners: the API, its files, and another host. One event loop, no thread."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from aiohttp.web import BaseRequest, Server

from jobstream.errors import HeldError
from jobstream.testing.practice.gate import gate, look_for_credentials, note_early
from jobstream.testing.practice.reply import Asked, Origin, Reply, error
from jobstream.testing.practice.routes.files import Sent, note_sent
from jobstream.testing.practice.routes.find import find, wants_key
from jobstream.testing.practice.spoil import spoil
from jobstream.testing.practice.state import Practice
from jobstream.testing.practice.wire import Written, write

#: told of each request once it is answered: what was asked, the answer, the bytes of its body, seconds
Watch: TypeAlias = Callable[[Asked, Reply, int, float], None]


async def answer(practice: Practice, asked: Asked) -> Reply:
    """The answer to one request, counted, with all that may go wrong."""
    respond = find(practice, asked)
    if asked.route == "control":
        return await respond(practice, asked)
    practice.counts.requests[asked.route] += 1
    if asked.origin != "api":
        look_for_credentials(practice, asked)
    note_early(practice, asked)
    if practice.faults and (instead := await gate(practice, asked)):
        return instead
    if wants_key(asked) and not practice.has_key(asked):
        practice.counts.refused += 1
        return error(401, "authorization required", {"WWW-Authenticate": "Bearer"})
    if asked.origin == "elsewhere" and asked.headers.get("Authorization"):
        return error(400, "no credentials are taken here")
    reply = await respond(practice, asked)
    return spoil(practice, asked, reply) if practice.faults else reply


class Listeners:
    """Opened by start, closed by stop; afterwards the ports are free and nothing runs.

    Raises HeldError where a port is taken."""

    def __init__(self, practice: Practice, watch: Watch | None = None) -> None:
        self._practice, self._watch = practice, watch
        self._open: list[tuple[asyncio.Server, Server]] = []
        self._goes_on, self._ends = Written(True), Written(False)

    async def start(self) -> None:
        config, practice = self._practice.config, self._practice
        try:
            practice.url = await self._listen("api", config.host, config.port)
            practice.files_url = await self._listen("files", config.host, config.files_port)
            practice.elsewhere_url = await self._listen("elsewhere", config.host, config.elsewhere_port)
        except BaseException:
            await self.stop()
            raise

    async def _listen(self, origin: Origin, host: str, port: int) -> str:
        speaker = Server(partial(self._handle, origin), access_log=None, lingering_time=0.0)
        try:
            listener = await asyncio.get_running_loop().create_server(speaker, host, port, backlog=2048)
        except OSError as e:
            raise HeldError(f"port {port} of {host} cannot be opened: {e.strerror}", hint="choose another, or 0 for any") from e
        self._open.append((listener, speaker))
        plug: socket.socket = listener.sockets[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{plug.getsockname()[1]}"

    async def stop(self) -> None:
        for listener, _ in self._open:
            listener.close()
        await asyncio.gather(*(speaker.shutdown(0.1) for _, speaker in self._open))
        for listener, _ in self._open:
            await listener.wait_closed()
        self._open.clear()

    async def _handle(self, origin: Origin, request: BaseRequest) -> Written:
        practice = self._practice
        begun = practice.now()
        body = await request.read() if request.body_exists else b""
        asked = Asked(origin, request.method, request.raw_path, request.headers, body)
        with practice.in_flight(asked):
            reply = await answer(practice, asked)
            keep, sent = await write(request, reply, begun)
        self._note(asked, reply, sent, practice.now() - begun)
        return self._goes_on if keep else self._ends

    def _note(self, asked: Asked, reply: Reply, sent: Sent, seconds: float) -> None:
        if asked.route == "download":
            note_sent(self._practice, asked, reply, sent)
        if self._watch:
            self._watch(asked, reply, sent.n, seconds)
