"""How resources look in answers, and what a list's query asks for."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from starlette.requests import Request

from jobstream.api.kinds import Kind
from jobstream.api.problem import bad_id, bad_query
from jobstream.documents.store.ids import object_id
from jobstream.documents.store.resource import Resource

PAGE = 1000
_FIELDS = re.compile(r"[A-Za-z0-9._,]*")
_COUNT = re.compile(r"[0-9]{1,9}")
_BOTH = "Please provide either include or exclude param in the request query and not both."


def iso(ms: int) -> str:
    """As 2023-08-16T19:08:37.983Z."""
    whole, part = divmod(ms, 1000)
    return f"{datetime.datetime.fromtimestamp(whole, datetime.UTC):%Y-%m-%dT%H:%M:%S}.{part:03d}Z"


def shown(kind: Kind, r: Resource) -> dict[str, Any]:
    """The resource in full; secrets are stars already."""
    dates = {"createdAt": iso(r.created)} if kind.dated else {}
    return {"_id": r.id, **r.document, **dates, "lastModified": iso(r.modified)}


def id_of(request: Request, name: str = "_id") -> str:
    """Of the address. Raises Refusal (400)."""
    found = object_id(request.path_params[name])
    if found is None:
        raise bad_id()
    return found


class Page(NamedTuple):
    """What the query of a list asks for. include, exclude: dotted names."""

    skip: int
    limit: int
    include: tuple[str, ...]
    exclude: tuple[str, ...]

    def cut(self, kind: Kind, document: dict[str, Any]) -> dict[str, Any]:
        """A summary, or all but what is excluded; _id stays in any case."""
        if self.include:
            return _only(document, ("_id", "name", *kind.listed, *self.include))
        for name in self.exclude:
            document = _without(document, name.split(".")) if name != "_id" else document
        return document

    def links(self, request: Request, *, more: bool) -> dict[str, str]:
        """The header Link: next and prev, absolute, and none where there is no such page."""
        starts = {
            "next": self.skip + self.limit if more else None,
            "prev": max(0, self.skip - self.limit) if self.skip else None,
        }
        found = [f'<{request.url.include_query_params(skip=at, limit=self.limit)}>; rel="{rel}"'
                 for rel, at in starts.items() if at is not None]  # fmt: skip
        return {"Link": ", ".join(found)} if found else {}


def page_of(request: Request) -> Page:
    """Raises Refusal (400)."""
    query = request.query_params
    include, exclude = _names(query, "include"), _names(query, "exclude")
    if include and exclude:
        raise bad_query(_BOTH)
    limit = count_of(query, "limit", PAGE)
    if limit < 1:
        raise bad_query("limit must be a whole number from 1 on.")
    return Page(count_of(query, "skip", 0), min(limit, PAGE), include, exclude)


def count_of(query: Mapping[str, str], name: str, otherwise: int) -> int:
    """A whole number from 0 on. Raises Refusal (400)."""
    text = query.get(name, "")
    if text and not _COUNT.fullmatch(text):
        raise bad_query(f"{name} must be a whole number from 0 on.")
    return int(text) if text else otherwise


def _names(query: Mapping[str, str], name: str) -> tuple[str, ...]:
    text = query.get(name, "")
    if not _FIELDS.fullmatch(text):
        raise bad_query(f"{name} may hold letters, digits, dots, underscores and commas.")
    return tuple(n for n in text.split(",") if n)


def _only(document: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        *holders, last = name.split(".")
        source: Any = document
        target = found
        for holder in holders:
            source = source.get(holder) if isinstance(source, dict) else None
        if not isinstance(source, dict) or last not in source:
            continue
        for holder in holders:
            inner = target.get(holder)
            target[holder] = dict(inner) if isinstance(inner, dict) else {}
            target = target[holder]
        target[last] = source[last]
    return found


def _without(document: dict[str, Any], path: list[str]) -> dict[str, Any]:
    key, *rest = path
    if key not in document:
        return document
    if not rest:
        return {k: v for k, v in document.items() if k != key}
    inner = document[key]
    return {**document, key: _without(inner, rest)} if isinstance(inner, dict) else document
