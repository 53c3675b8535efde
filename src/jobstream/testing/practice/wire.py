"""An answer on its way: bytes to the transport, whole or as badly as was asked for."""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus
from pathlib import Path

from aiohttp.web import BaseRequest, StreamResponse

from jobstream.testing.practice.reply import Reply, http_date
from jobstream.testing.practice.routes.files import Sent
from jobstream.testing.practice.store import Blob

_REASONS = {s.value: s.phrase for s in HTTPStatus}
_PIECE = 1 << 16


class Written(StreamResponse):
    """Tells aiohttp that the answer is out already, and whether the connection goes on."""

    def __init__(self, keep: bool) -> None:
        super().__init__()
        self._keep_alive = keep

    async def prepare(self, request: BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


async def write(request: BaseRequest, reply: Reply, now: float) -> tuple[bool, Sent]:
    """Whether the connection may go on, and which bytes of the body have left. A caller that leaves early is no error."""
    transport = request.transport
    if transport is None:
        return False, Sent(0, 0)
    if reply.hangs:
        while request.transport is not None:  # noqa: ASYNC110 (aiohttp tells nobody that a caller has left)
            await asyncio.sleep(0.02)
        return False, Sent(0, 0)
    keep = request.keep_alive and reply.framing != "close" and reply.cut < 0 and not reply.silent
    try:
        if not reply.silent:
            if request.version < (1, 1) and reply.framing == "chunked":
                reply.framing, keep = "close", False
            reply.sent = await _send(request, transport, _head(reply, keep, now), reply)
        if not keep:
            await _end(request, transport, reply.reset)
    except ConnectionError:
        keep = False
    return keep, Sent(reply.start, reply.sent)


def _head(reply: Reply, keep: bool, now: float) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Odd')}", f"Date: {_date(int(now))}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if reply.framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
    elif reply.framing == "length" and reply.status not in (204, 304):
        lines.append(f"Content-Length: {reply.length}")
    if not keep:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _date(second: int) -> str:
    if _Date.second != second:
        _Date.second, _Date.text = second, http_date(second)
    return _Date.text


class _Date:
    second, text = 0, ""


async def _send(request: BaseRequest, transport: asyncio.Transport, head: bytes, reply: Reply) -> int:
    """Bytes of the body that have left."""
    if request.method == "HEAD" or reply.status in (204, 304):
        transport.write(head)
        return 0
    count = reply.length if reply.cut < 0 else reply.cut
    body = reply.body.body if isinstance(reply.body, Blob) else reply.body
    if isinstance(body, Path):
        return await _send_file(request, transport, head, body, reply, count)
    body = body[reply.start : reply.start + count]
    if reply.framing == "chunked" or reply.pace:
        transport.write(head)
        return await _send_pieces(request, transport, body, reply)
    transport.write(head + body)
    if count > _PIECE:
        await request.writer.drain()
    return count


async def _send_file(
    request: BaseRequest, transport: asyncio.Transport, head: bytes, path: Path, reply: Reply, count: int
) -> int:
    transport.write(head)
    loop = asyncio.get_running_loop()
    with path.open("rb") as source:
        if reply.framing == "chunked" or reply.pace:
            source.seek(reply.start)
            return await _send_pieces(request, transport, source.read(count), reply)
        if count:
            await loop.sendfile(transport, source, reply.start, count)
    return count


async def _send_pieces(request: BaseRequest, transport: asyncio.Transport, body: bytes, reply: Reply) -> int:
    step = max(1, min(_PIECE, int(reply.pace / 20))) if reply.pace else _PIECE
    sent = 0
    while sent < len(body):
        piece = body[sent : sent + step]
        transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if reply.framing == "chunked" else piece)
        await request.writer.drain()
        sent += len(piece)
        reply.sent = sent
        if reply.pace:
            await asyncio.sleep(len(piece) / reply.pace)
        if request.transport is None:
            raise ConnectionResetError
    if reply.framing == "chunked" and reply.cut < 0:
        transport.write(b"0\r\n\r\n")
    return sent


async def _end(request: BaseRequest, transport: asyncio.Transport, reset: bool) -> None:
    """FIN after what was written, or RST. What was written leaves first, so that a cut is where it was asked for."""
    if not reset:
        transport.close()
        return
    transport.set_write_buffer_limits(0)
    await request.writer.drain()
    plug = transport.get_extra_info("socket")
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
