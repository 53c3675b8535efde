"""From method and path to what answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias, get_args

from jobstream.testing.practice.config import Way
from jobstream.testing.practice.reply import Asked, Reply, error
from jobstream.testing.practice.routes import control, exports, files, oauth, pages
from jobstream.testing.practice.state import Practice

Answer: TypeAlias = Callable[[Practice, Asked], Awaitable[Reply]]

_WAYS = frozenset(get_args(Way))
_FAMILIES = {("v3", "marketing", "contacts", "exports"): exports.create, ("xml", "v1", "exports"): exports.create_xml, ("v1", "reports"): exports.create_report}  # fmt: skip
_OPEN = ("control", "token")


def find(practice: Practice, asked: Asked) -> Answer:
    """What answers; sets way, route, job and file of what is asked."""
    parts = asked.path.strip("/").split("/")
    if asked.origin != "api":
        return _stored(practice, asked, parts)
    if parts[0] in _WAYS:
        asked.way = parts.pop(0)
    if parts[0] == "_practice":
        asked.route = "control"
        return _control(parts)
    for prefix, create in _FAMILIES.items():
        n = len(prefix)
        if tuple(parts[:n]) == prefix:
            return _job(practice, asked, parts[n:], create)
    match _read(asked.method), parts:
        case "GET", ["v1", "contacts"]:
            asked.route = "sync"
            return pages.contacts
        case "GET" | "POST", ["v1", "statistics"]:
            asked.route = "query"
            return pages.statistics
        case "POST", ["oauth", "token"]:
            asked.route = "token"
            return oauth.token
        case _:
            return _nothing


def _job(practice: Practice, asked: Asked, rest: list[str], create: Answer) -> Answer:
    if rest:
        asked.job = practice.jobs.get(rest[0])
    match _read(asked.method), rest:
        case "GET", [_]:
            asked.route = "poll"
            return exports.poll
        case "POST", []:
            asked.route = "create"
            return create
        case "GET", []:
            asked.route = "list"
            return exports.listing
        case "GET", [_, "rows"] if create is exports.create_report:
            asked.route = "rows"
            return pages.rows
        case "POST", [_, "cancel"]:
            asked.route = "cancel"
            return exports.cancel
        case "DELETE", [_]:
            asked.route = "delete"
            return exports.delete
        case _:
            return _nothing


def _stored(practice: Practice, asked: Asked, parts: list[str]) -> Answer:
    """The files' host; the other host serves polls too, to whoever asks."""
    match _read(asked.method), parts:
        case "GET", ["exports", id, name]:
            asked.route, asked.job = "download", practice.jobs.get(id)
            number = name.partition(".")[0]
            asked.file = int(number) if number.isdecimal() else None
            return files.download
        case "GET", [*prefix, id] if asked.origin == "elsewhere" and tuple(prefix[-2:]) in {p[-2:] for p in _FAMILIES}:
            asked.route, asked.job = "poll", practice.jobs.get(id)
            return exports.poll
        case _:
            return _nothing


def _control(parts: list[str]) -> Answer:
    match parts:
        case [_, "report"]:
            return control.report
        case [_, "faults"]:
            return control.faults
        case [_, "reset"]:
            return control.reset
        case [_, "finish"]:
            return control.finish
        case _:
            return _nothing


def wants_key(asked: Asked) -> bool:
    return asked.origin == "api" and asked.route not in _OPEN


def _read(method: str) -> str:
    return "GET" if method == "HEAD" else method


async def _nothing(practice: Practice, asked: Asked) -> Reply:
    return error(404, f"{asked.method} {asked.path} is nothing here")
