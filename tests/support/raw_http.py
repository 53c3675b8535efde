"""HTTP over a bare socket: what really came over the wire, and how it ended."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

KEY = {"Authorization": "Bearer SG.practice"}


@dataclass
class Heard:
    """body: with chunks joined · end: whole: as its head told · short: fewer bytes · reset · open: nothing came in time"""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    end: Literal["whole", "short", "reset", "open"] = "whole"

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def ask(
    url: str, method: str = "GET", headers: dict[str, str] | None = None, body: bytes = b"", *, patience: float = 5.0
) -> Heard:
    """One request on a connection of its own, read until the other side ends it."""
    at = urlsplit(url)
    target = (at.path or "/") + (f"?{at.query}" if at.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {at.netloc}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
    with socket.create_connection((at.hostname or "", at.port or 80), patience) as line:
        line.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        raw, end = _all_of(line)
    return _heard(raw, end, method)


def _all_of(line: socket.socket) -> tuple[bytes, str]:
    raw = bytearray()
    try:
        while piece := line.recv(1 << 16):
            raw += piece
    except ConnectionResetError:
        return bytes(raw), "reset"
    except TimeoutError:
        return bytes(raw), "open"
    return bytes(raw), "fin"


def _heard(raw: bytes, end: str, method: str) -> Heard:
    head, split, body = raw.partition(b"\r\n\r\n")
    if not split:
        return Heard(end="short" if end == "fin" else end)  # type: ignore[arg-type]
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in rest)}
    is_whole = True
    if headers.get("transfer-encoding") == "chunked":
        body, is_whole = _unchunked(body)
    elif method != "HEAD" and "content-length" in headers:
        is_whole = len(body) == int(headers["content-length"])
    said = end if end != "fin" else "whole" if is_whole else "short"
    return Heard(int(first.split()[1]), headers, body, said)  # type: ignore[arg-type]


def _unchunked(raw: bytes) -> tuple[bytes, bool]:
    out = b""
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        n = int(size, 16)
        if n == 0:
            return out, True
        out, raw = out + raw[:n], raw[n + 2 :]
    return out, False
