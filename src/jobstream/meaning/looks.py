"""Whether bytes can be records: a login page, an error or a status document must not be taken for them. Pure."""

from __future__ import annotations

import re
import zlib
from typing import Any, Literal, TypeAlias

import msgspec

from jobstream.jobs.event import Answer
from jobstream.jobs.job import Job
from jobstream.meaning.read import Tools, body_of, scope_of
from jobstream.meaning.status import read_status
from jobstream.plan.component import Component
from jobstream.plan.retrieval import Retrieval
from jobstream.template.language import TemplateFault

HEAD = 4096  # bytes that are looked at
Looks: TypeAlias = Literal["any", "csv", "json", "jsonl", "xml"]

_FORMATS: dict[str, Looks] = {"csv": "csv", "json": "json", "jsonl": "jsonl", "xml": "xml"}
_HTML = ("<!doctype html", "<html")
_XML = ("<?xml", "<error")
_TELLS = re.compile(r'"(error|errors|error_code|errorCode|exception|fault|message|detail|status|state|code)"\s*:')
_ERROR = frozenset(("error", "errors", "error_code", "errorCode", "exception", "fault"))
_BESIDE = _ERROR | {"error_description", "message", "messages", "detail", "details", "status", "statusCode", "status_code", "code",
                    "type", "title", "reason", "success", "ok", "request_id", "requestId", "timestamp", "path", "instance",
                    "trace_id", "documentation_url", "help"}  # fmt: skip


def looks_of(decoder: Component) -> Looks:
    """The format that a decoder reads, by the name of the innermost."""
    inner = decoder.options.get("inner")
    if isinstance(inner, dict) and isinstance(inner.get("name"), str):
        return looks_of(Component("decoder", inner["name"], inner.get("options") or {}))
    return _FORMATS.get(decoder.name, "any")


def no_records(looks: Looks, head: bytes, plan: Retrieval, job: Job, tools: Tools) -> str:
    """What it is instead, as text to be shown; empty where it may be records. head: the first bytes, perhaps compressed."""
    raw = plain(head)
    text = raw.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    low = text[:64].lower()
    if looks == "any" or not text:
        return ""
    if low.startswith(_HTML if looks != "xml" else _HTML[:1]):
        return f"an HTML page: {text[:120]}"
    if looks != "xml" and low.startswith(_XML):
        return f"an XML document: {text[:120]}"
    if looks == "csv" and text.startswith("{") and _TELLS.search(text):
        return f"a JSON document: {text[:120]}"
    document = _document(raw, len(raw) < HEAD)
    if document is not None and (_is_error(document) or _is_status(document, plan, job, tools)):
        return f"no records, but {text[:120]}"
    return ""


def plain(head: bytes) -> bytes:
    """The first bytes without gzip; a cut end is no fault here."""
    if not head.startswith(b"\x1f\x8b"):
        return head
    try:
        return zlib.decompressobj(31).decompress(head, HEAD)
    except zlib.error:
        return head


def _document(raw: bytes, whole: bool) -> dict[str, Any] | None:
    try:
        got = msgspec.json.decode(raw) if whole else None
    except (msgspec.DecodeError, RecursionError):
        return None
    return got if isinstance(got, dict) and got else None


def _is_error(document: dict[str, Any]) -> bool:
    return any(document.get(k) for k in _ERROR) and document.keys() <= _BESIDE


def _is_status(document: dict[str, Any], plan: Retrieval, job: Job, tools: Tools) -> bool:
    """The status map reads it, as a job that is not done, and it has nothing that the polls' answers have not but words about it."""
    poll = plan.poll
    known = [body_of(a) for a in (job.polled, job.created) if a is not None]
    if (
        poll is None
        or poll.status is None
        or not any(isinstance(k, dict) and document.keys() <= k.keys() | _BESIDE for k in known)
    ):
        return False
    try:
        answer = Answer(code=200, body=msgspec.json.encode(document))
        return read_status(poll.status, answer, scope_of(job, tools), tools)[1] not in (None, "completed", "skipped")
    except TemplateFault:
        return False
