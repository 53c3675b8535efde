"""The routes that every kind of resource has. What is particular about a kind is data of the kind."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from jobstream.api.audit import entries_of
from jobstream.api.body import array_of, object_of
from jobstream.api.caller import Caller, caller_of
from jobstream.api.clone import Cloning
from jobstream.api.draft import draft_of
from jobstream.api.kinds import Kind
from jobstream.api.patch import patched
from jobstream.api.problem import Problem, Refusal, answer, nothing
from jobstream.api.shapes import id_of, page_of, shown
from jobstream.documents.store.resource import Draft, Resource
from jobstream.documents.store.store import Store


class Resources:
    """The handlers of one kind. Every refusal comes before anything is written."""

    def __init__(self, kind: Kind, store: Store) -> None:
        self._kind, self._name, self._store = kind, kind.name, store

    async def all(self, request: Request) -> Response:
        """The whole list, where a kind has no pages; else a page of it, with its neighbours in Link."""
        caller = caller_of(request)
        only = caller.ids(self._name)
        if not self._kind.lists:
            found = await self._store.resources.all(caller.account, self._name, only=only)
            return answer([shown(self._kind, r) for r in found]) if found else nothing()
        page = page_of(request)
        found = await self._store.resources.all(caller.account, self._name, skip=page.skip, most=page.limit + 1, only=only)
        links = page.links(request, more=len(found) > page.limit)
        rows = [page.cut(self._kind, shown(self._kind, r)) for r in found[: page.limit]]
        return answer(rows, headers=links) if rows else nothing(links)

    async def create(self, request: Request) -> Response:
        caller = caller_of(request)
        caller.manage(self._name)
        draft = draft_of(self._kind, await object_of(request))
        return answer(shown(self._kind, await self._store.resources.create(caller.author, self._name, draft)), 201)

    async def get(self, request: Request) -> Response:
        caller, id = self._readable(request)
        return answer(shown(self._kind, await self._store.resources.get(caller.account, self._name, id)))

    async def replace(self, request: Request) -> Response:
        """An unknown id is told before a body that is wrong; nothing of the stored document is taken over but its secrets."""
        caller, id = self._writable(request)
        await self._store.resources.get(caller.account, self._name, id)
        draft = draft_of(self._kind, await object_of(request))

        def revised(old: Resource) -> Draft:
            self._check_fixed(old, draft)
            return draft

        return answer(shown(self._kind, await self._store.resources.revise(caller.author, self._name, id, revised)))

    async def patch(self, request: Request) -> Response:
        caller, id = self._writable(request)
        await self._store.resources.get(caller.account, self._name, id)
        operations = await array_of(request)

        def revised(old: Resource) -> Draft:
            return draft_of(self._kind, patched(self._kind, old.document, operations))

        if operations:
            await self._store.resources.revise(caller.author, self._name, id, revised)
        return nothing()

    async def delete(self, request: Request) -> Response:
        caller, id = self._writable(request)
        await self._store.resources.delete(caller.author, self._name, id, along=self._kind.along)
        return nothing()

    async def dependencies(self, request: Request) -> Response:
        """By kind, what names this resource; nothing for one that is not there."""
        caller, id = self._readable(request)
        found: dict[str, list[dict[str, Any]]] = {}
        for d in await self._store.resources.dependents(caller.account, self._name, id):
            if (own := caller.ids(d.kind)) is not None and d.id not in own:
                continue
            entry = {
                "id": d.id,
                "name": d.name,
                "paths": d.paths,
                "accessLevel": caller.level,
                "dependencyIds": {self._name: [id]},
            }
            found.setdefault(d.kind, []).append(entry)
        return answer(found)

    async def audit(self, request: Request) -> Response:
        caller, id = self._readable(request)
        await self._store.resources.get(caller.account, self._name, id)
        return await entries_of(self._store, request, caller, kind=self._name, resource=id)

    async def clone(self, request: Request) -> Response:
        caller, id = self._writable(request)
        first = await self._store.resources.get(caller.account, self._name, id)
        caller.manage(self._name)
        made = await Cloning(self._store, caller, await object_of(request)).clone(first)
        return answer(made, 201)

    def _readable(self, request: Request) -> tuple[Caller, str]:
        caller, id = caller_of(request), id_of(request)
        caller.read(self._name, id)
        return caller, id

    def _writable(self, request: Request) -> tuple[Caller, str]:
        caller, id = caller_of(request), id_of(request)
        caller.manage(self._name, id)
        return caller, id

    def _check_fixed(self, old: Resource, draft: Draft) -> None:
        changed = [f for f in self._kind.fixed if f in old.document and draft.document.get(f) != old.document[f]]
        if changed:
            raise Refusal(422, *(Problem("invalid_field", f"{f} cannot change.", f) for f in changed))
