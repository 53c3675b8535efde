"""The recycle bin: what was deleted, for as long as it can be brought back."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from jobstream.api.caller import caller_of
from jobstream.api.kinds import KINDS, Kind
from jobstream.api.problem import Problem, Refusal, answer, nothing
from jobstream.api.shapes import id_of, iso, shown
from jobstream.documents.store.resource import Resource
from jobstream.documents.store.store import Store

_SCOPE = "recycleBinTTL"


class Recycled:
    """`/v1/recycleBinTTL`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self, request: Request) -> Response:
        """Of all types: `{"model", "doc"}` each."""
        caller = caller_of(request)
        caller.read(_SCOPE)
        found = [{"model": KINDS[r.kind].model, "doc": _shown(r)} for r in await self._store.bin.all(caller.account)]
        return answer(found) if found else nothing()

    async def of_type(self, request: Request) -> Response:
        """Of one type: the documents alone."""
        caller, kind = caller_of(request), _kind(request)
        caller.read(_SCOPE)
        found = [_shown(r) for r in await self._store.bin.all(caller.account, kind.name)]
        return answer(found) if found else nothing()

    async def get(self, request: Request) -> Response:
        caller, kind, id = caller_of(request), _kind(request), id_of(request)
        caller.read(_SCOPE)
        return answer(_shown(await self._store.bin.get(caller.account, kind.name, id)))

    async def restore(self, request: Request) -> Response:
        return await self._restore(request, cascade=False)

    async def restore_all(self, request: Request) -> Response:
        """And what was deleted with it, and what all of these name."""
        return await self._restore(request, cascade=True)

    async def purge(self, request: Request) -> Response:
        """For good, and at once."""
        caller, kind, id = caller_of(request), _kind(request), id_of(request)
        caller.manage(_SCOPE)
        await self._store.bin.purge(caller.author, kind.name, id)
        return nothing()

    async def _restore(self, request: Request, *, cascade: bool) -> Response:
        caller, kind, id = caller_of(request), _kind(request), id_of(request)
        caller.manage(_SCOPE)
        await self._store.bin.restore(caller.author, kind.name, id, cascade=cascade)
        return nothing()


def _kind(request: Request) -> Kind:
    """Of the address, in any case. Raises Refusal."""
    kind = KINDS.get(request.path_params["type"].lower())
    if kind is None:
        raise Refusal(404, Problem("invalid_ref", f"There is no such type; there are {', '.join(KINDS)}.", "type"))
    return kind


def _shown(r: Resource) -> dict[str, Any]:
    """As it was; lastModified tells when it was deleted."""
    return {**shown(KINDS[r.kind], r), "lastModified": iso(r.deleted or r.modified)}
