"""The audit log in answers."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from jobstream.api.caller import Caller, caller_of
from jobstream.api.kinds import KINDS, MODELS
from jobstream.api.problem import answer, bad_id, bad_query, nothing
from jobstream.api.shapes import PAGE, count_of, iso
from jobstream.documents.store.audit import Asked
from jobstream.documents.store.ids import object_id
from jobstream.documents.store.store import Store

_ACTIONS = ("create", "update", "delete", "restore", "purge")
_EPOCH = re.compile(r"[0-9]{1,15}")


class Log:
    """`/v1/audit`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self, request: Request) -> Response:
        """Of the whole account, newest first."""
        caller, query = caller_of(request), request.query_params
        caller.read("audit")
        names = {m.lower(): k for k, m in MODELS.items()} | {k: k for k in KINDS}
        kind = query.get("resourceType")
        if kind is not None and kind.lower() not in names:
            raise bad_query(f"resourceType must be one of {', '.join(KINDS)}.")
        return await entries_of(
            self._store, request, caller, kind=names[kind.lower()] if kind else None, resource=_id(query, "_resourceId")
        )


async def entries_of(store: Store, request: Request, caller: Caller, *, kind: str | None, resource: str | None) -> Response:
    """Filters: action, from, to, _byUserId, source (`api` alone), limit, offset. Raises Refusal (400)."""
    query = request.query_params
    action, source = query.get("action"), query.get("source", "api")
    if action is not None and action not in _ACTIONS:
        raise bad_query(f"action must be one of {', '.join(_ACTIONS)}.")
    asked = Asked(kind, resource, _id(query, "_byUserId"), action, _instant(query, "from"), _instant(query, "to"),
                  min(count_of(query, "limit", PAGE), PAGE), count_of(query, "offset", 0))  # fmt: skip
    found = await store.audit.all(caller.account, asked) if source == "api" else []
    rows = [{"_id": e.id, "resourceType": MODELS[e.kind], "_resourceId": e.resource, "version": e.version, "action": e.action,
             "source": "api", "_byUserId": e.by, "time": iso(e.at), "fieldChanges": e.changes} for e in found]  # fmt: skip
    return answer(rows) if rows else nothing()


def _id(query: Mapping[str, str], name: str) -> str | None:
    text = query.get(name)
    if text is not None and (text := object_id(text)) is None:
        raise bad_id(name)
    return text


def _instant(query: Mapping[str, str], name: str) -> int | None:
    """ISO date or date-time (UTC where it says nothing), or epoch milliseconds."""
    text = query.get(name)
    if text is None or _EPOCH.fullmatch(text):
        return int(text) if text else None
    try:
        found = datetime.datetime.fromisoformat(text)
        return int((found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as e:
        raise bad_query(f"{name} must be an ISO date or date-time, or epoch milliseconds.") from e
