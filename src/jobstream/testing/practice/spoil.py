"""What is done to an answer that is ready to go out."""

from __future__ import annotations

import gzip
from pathlib import Path

from jobstream.testing.practice.reply import Asked, Reply
from jobstream.testing.practice.state import Practice
from jobstream.testing.practice.store import Blob

_STRANGERS = {
    "login-page": b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><form method=post>Please sign in.</form></body></html>\n",
    "status-document": b'{"status": "pending", "message": "the file is being prepared"}',
    "error-json": b'{"errors": [{"message": "internal error"}]}',
}


def spoil(practice: Practice, asked: Asked, reply: Reply) -> Reply:
    """Faults of the routes where they stand, whatever the answer is."""
    due = practice.faults.due
    if reply.status < 300 and not reply.silent:
        _replace(practice, asked, reply)
    if reply.body and reply.status < 300 and due("malformed-json", asked):
        body = _bytes(reply)
        reply.body = body[: max(1, len(body) * 2 // 3)]
        reply.note("malformed-json")
    if odd := due("content-type", asked):
        reply.headers["Content-Type"] = odd.text
        reply.note("content-type")
    if due("no-content-type", asked):
        reply.headers.pop("Content-Type", None)
        reply.note("no-content-type")
    if due("content-encoding", asked):
        _encode(reply)
    return _framed(practice, asked, reply) if reply.length else reply


def _replace(practice: Practice, asked: Asked, reply: Reply) -> None:
    """Another document in the place of the right one; what was asked for has been done."""
    for name, document in _STRANGERS.items():
        if practice.faults.due(name, asked):
            type = "text/html; charset=utf-8" if name == "login-page" else "application/json"
            reply.status, reply.headers, reply.body, reply.start, reply.count = 200, {"Content-Type": type}, document, 0, -1
            reply.note(name)
            return


def _framed(practice: Practice, asked: Asked, reply: Reply) -> Reply:
    due = practice.faults.due
    if due("chunked", asked):
        reply.framing = "chunked"
        reply.note("chunked")
    if due("until-close", asked):
        reply.framing = "close"
        reply.note("until-close")
    if slow := due("slow-drip", asked):
        reply.pace = max(1.0, slow.number)
        reply.note("slow-drip")
    if reply.length > 1 and (short := due("short-body", asked)):
        reply.cut = max(0, reply.length - int(short.number))
        reply.note("short-body")
    if broken := due("reset", asked):
        reply.cut, reply.reset = min(reply.length - 1, int(broken.number)), True
        reply.note("reset")
    return reply


def _bytes(reply: Reply) -> bytes:
    if isinstance(reply.body, bytes):
        return reply.body
    whole = reply.body.body
    return whole.read_bytes() if isinstance(whole, Path) else whole


def _encode(reply: Reply) -> None:
    """The whole is encoded and not the range: a coding belongs to the representation (RFC 9110, section 8.4)."""
    body = gzip.compress(_bytes(reply), 1, mtime=0)
    reply.body = Blob(body, len(body), reply.body.etag) if isinstance(reply.body, Blob) else body
    if reply.status == 206:
        reply.status, reply.start, reply.count = 200, 0, -1
    for name in ("Content-Range", "ETag", "Accept-Ranges"):
        reply.headers.pop(name, None)
    reply.headers["Content-Encoding"] = "gzip"
    reply.note("content-encoding")
