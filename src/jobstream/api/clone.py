"""Copies of a resource and of what it is made of: a flow's steps, a step's helper, a helper's exports. Connections are exchanged."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from jobstream.api.caller import Caller
from jobstream.api.draft import draft_of
from jobstream.api.forms.marks import Refers, marks_of, places
from jobstream.api.kinds import KINDS
from jobstream.api.problem import Problem, Refusal
from jobstream.documents.store.ids import object_id
from jobstream.documents.store.resource import Birth, NotThereError, Resource
from jobstream.documents.store.store import Store

Named = tuple[str, str]  # kind and id
_PARTS = ("exports", "imports", "asynchelpers")


class Cloning:
    """body: `{"name"?, "_integrationId"?, "connectionMap"?: {old: new}}`; a flow needs the last two."""

    def __init__(self, store: Store, caller: Caller, body: dict[str, Any]) -> None:
        self._store, self._caller, self._body = store, caller, body
        self._map = _map_of(body)

    async def clone(self, first: Resource) -> list[dict[str, str]]:
        """`[{"model", "_id"}]` of all that was made, the copy itself first. Raises Refusal; then nothing was made."""
        await self._check(first.kind)
        found = {(first.kind, first.id): first}
        await self._gather(found, [first])
        ids = {named: self._store.ids() for named in found}
        births = [self._birth(r, ids, is_first=r is first) for r in found.values()]
        made = await self._store.resources.create_all(self._caller.author, births)
        return [{"model": KINDS[r.kind].model, "_id": r.id} for r in made]

    async def _check(self, kind: str) -> None:
        if kind in ("flows", "integrations") and not isinstance(self._body.get("connectionMap"), dict):
            raise Refusal(
                400, Problem("invalid_connectionMap", "connectionMap is required: {old id: new id}.", "connectionMap")
            )
        wanted = {("connections", new): f"connectionMap.{old}" for old, new in self._map.items()}
        if kind == "flows":
            wanted[("integrations", self._integration())] = "_integrationId"
        there = await self._store.resources.are_there(self._caller.account, tuple(wanted))
        texts = {"connections": "Connection not found.", "integrations": "Integration not found for the given id"}
        missing = [Problem("invalid_ref", texts[named[0]], field) for named, field in wanted.items() if named not in there]
        if missing:
            raise Refusal(422, *missing)

    def _integration(self) -> str:
        given = self._body.get("_integrationId")
        return (object_id(given) if isinstance(given, str) else None) or ""

    async def _gather(self, found: dict[Named, Resource], new: list[Resource]) -> None:
        """Adds the parts of what is found, level by level; a part that is not there stays a name."""
        while new:
            wanted = [named for r in new for named in _names(r) if named[0] in _PARTS]
            if new[0].kind == "integrations":
                flows = await self._store.resources.dependents(self._caller.account, "integrations", new[0].id)
                wanted += [("flows", d.id) for d in flows if d.kind == "flows"]
            new = []
            for kind, id in dict.fromkeys(wanted):
                if (kind, id) not in found and (part := await self._part(kind, id)) is not None:
                    found[kind, id] = part
                    new.append(part)

    async def _part(self, kind: str, id: str) -> Resource | None:
        try:
            return await self._store.resources.get(self._caller.account, kind, id)
        except NotThereError:
            return None

    def _birth(self, r: Resource, ids: dict[Named, str], *, is_first: bool) -> Birth:
        document, kind = copy.deepcopy(r.document), KINDS[r.kind]
        for marked in marks_of(kind.form):
            if isinstance(marked.mark, Refers):
                for place in places(document, marked.pattern):
                    exchanged = self._map if marked.mark.kind == "connections" else {}
                    place.put(ids.get((marked.mark.kind, place.value)) or exchanged.get(place.value, place.value))
        if is_first:
            given = self._body.get("name")
            document["name"] = given if isinstance(given, str) and given else f"Clone - {document['name']}"[:100]
            if r.kind == "flows":
                document["_integrationId"] = self._integration()
        return Birth(r.kind, ids[r.kind, r.id], draft_of(kind, document), origin=r)


def _names(r: Resource) -> Iterator[Named]:
    for marked in marks_of(KINDS[r.kind].form):
        if isinstance(marked.mark, Refers):
            yield from ((marked.mark.kind, p.value) for p in places(r.document, marked.pattern))


def _map_of(body: dict[str, Any]) -> dict[str, str]:
    given = body.get("connectionMap")
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()):
        raise Refusal(
            400, Problem("invalid_connectionMap", "connectionMap is an object of ids: {old id: new id}.", "connectionMap")
        )
    return {old.lower(): new.lower() for old, new in given.items()}
