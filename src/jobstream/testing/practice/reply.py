"""A request as the routes see it, and an answer before it goes out."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from functools import cached_property
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import msgspec
from msgspec import Struct

from jobstream.testing.practice.jobs import Job
from jobstream.testing.practice.store import Blob

Origin: TypeAlias = Literal["api", "files", "elsewhere"]


class Asked:
    """One request. way: the prefix of the path, if any · route, job, file: known once it is routed."""

    def __init__(self, origin: Origin, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        self.origin, self.method, self.target, self.headers, self.body = origin, method, target, headers, body
        self.path, _, self.raw_query = target.partition("?")
        self.way = ""
        self.route = "other"
        self.job: Job | None = None
        self.file: int | None = None

    @property
    def job_n(self) -> int | None:
        return self.job.n if self.job else None

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @cached_property
    def document(self) -> Any:
        """The body: JSON, else a form, else {}."""
        if not self.body:
            return {}
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def said(self, name: str) -> str:
        """A field of the body or of the query."""
        value = self.document.get(name) if isinstance(self.document, dict) else None
        return str(value) if value else self.query.get(name, "")


class Reply(Struct):
    """start, count: which bytes of a blob.

    framing  length · chunked · close
    cut      bytes of the body that go out; then the end, or with `reset` a reset
    silent   not even a head
    pace     bytes a second; 0: as fast as it goes
    hangs    nothing goes out and nothing ends
    sent     bytes of the body that have left, also where the caller leaves early
    """

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes | Blob = b""
    start: int = 0
    count: int = -1
    framing: Literal["length", "chunked", "close"] = "length"
    cut: int = -1
    reset: bool = False
    silent: bool = False
    pace: float = 0.0
    hangs: bool = False
    told: str = ""
    sent: int = 0

    @property
    def length(self) -> int:
        whole = self.body.size if isinstance(self.body, Blob) else len(self.body)
        return whole - self.start if self.count < 0 else self.count

    def note(self, fault: str) -> Reply:
        """For the log: what has been done to it."""
        self.told = f"{self.told} {fault}".strip()
        return self


_encoder = msgspec.json.Encoder()


def as_json(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, {"Content-Type": "application/json", **(headers or {})}, _encoder.encode(document))


def as_xml(tag: str, document: Any, status: int = 200) -> Reply:
    """Objects are elements; a list is an element with one of the singular name for each of its items."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{_element(tag, document)}\n'.encode()
    return Reply(status, {"Content-Type": "application/xml"}, body)


def _element(tag: str, value: Any) -> str:
    match value:
        case dict():
            inner = "".join(_element(k, v) for k, v in value.items())
        case list():
            inner = "".join(_element(tag.removesuffix("s"), v) for v in value)
        case None:
            return f"<{tag}/>"
        case _:
            inner = escape(str(value))
    return f"<{tag}>{inner}</{tag}>"


def error(status: int, message: str, headers: dict[str, str] | None = None) -> Reply:
    """In SendGrid's form."""
    return as_json({"errors": [{"field": None, "message": message}]}, status, headers)


def storage_error(status: int, code: str, message: str) -> Reply:
    """In the form of Amazon S3."""
    return as_xml("Error", {"Code": code, "Message": message, "RequestId": "PRACTICE"}, status)


def http_date(at: float) -> str:
    return formatdate(at, usegmt=True)
