"""The recycle bin: what was deleted, brought back, or gone for good when its time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobstream.documents.store.audit import Audit
from jobstream.documents.store.database import Database
from jobstream.documents.store.resource import Author, NotThereError, Resource
from jobstream.documents.store.rows import SHOWN, resource_of
from jobstream.documents.store.tables import reference, resource


class Bin:
    """now: epoch seconds · seconds: how long a resource lies here. What is over its time is not seen, purged or not yet."""

    def __init__(self, database: Database, audit: Audit, now: Callable[[], float], seconds: float) -> None:
        self._database, self._audit, self._now, self.seconds = database, audit, now, seconds

    async def all(self, account: str, kind: str | None = None) -> list[Resource]:
        """Newest deletion first."""
        wanted = self._kept(account)
        if kind is not None:
            wanted = wanted.where(resource.c.kind == kind)
        async with self._database.read() as connection:
            rows = (await connection.execute(wanted.order_by(resource.c.deleted.desc(), resource.c.id))).all()
        return [resource_of(r) for r in rows]

    async def get(self, account: str, kind: str, id: str) -> Resource:
        """Raises NotThereError."""
        async with self._database.read() as connection:
            return await self._one(connection, account, kind, id)

    async def restore(self, author: Author, kind: str, id: str, *, cascade: bool) -> list[Resource]:
        """Brings it back, with its id, its secrets and its references. cascade: and what was deleted with it, and what all of these
        name. Raises NotThereError."""
        now = int(self._now() * 1000)
        async with self._database.write() as connection:
            first = await self._one(connection, author.account, kind, id)
            back = await self._with_it(connection, first) if cascade else [first]
            await connection.execute(
                update(resource).where(resource.c.id.in_([r.id for r in back])).values(deleted=None, deletion=None)
            )
            await self._audit.record(connection, author, "restore", [(r.kind, r.id, r.version, []) for r in back], now)
        return back

    async def purge(self, author: Author, kind: str, id: str) -> None:
        """For good. Raises NotThereError."""
        async with self._database.write() as connection:
            gone = await self._one(connection, author.account, kind, id)
            await self._drop(connection, [gone.id])
            await self._audit.record(connection, author, "purge", [(kind, id, gone.version, [])], int(self._now() * 1000))

    async def purge_old(self) -> int:
        """Of every account: what has lain here too long goes for good. Returns how many."""
        async with self._database.write() as connection:
            wanted = select(resource.c.id).where(resource.c.deleted <= self._oldest())
            gone = list((await connection.execute(wanted)).scalars())
            await self._drop(connection, gone)
        return len(gone)

    async def next_purge(self) -> float:
        """Epoch seconds at which something will be over its time; not later than that of a resource deleted now."""
        async with self._database.read() as connection:
            first = (await connection.execute(select(func.min(resource.c.deleted)))).scalar()
        return (first / 1000 if first is not None else self._now()) + self.seconds

    def _oldest(self) -> int:
        return int((self._now() - self.seconds) * 1000)

    def _kept(self, account: str) -> Select[*tuple[Any, ...]]:
        return select(*SHOWN).where(resource.c.account == account, resource.c.deleted > self._oldest())

    async def _one(self, connection: AsyncConnection, account: str, kind: str, id: str) -> Resource:
        wanted = self._kept(account).where(resource.c.kind == kind, resource.c.id == id)
        row = (await connection.execute(wanted.with_for_update())).one_or_none()
        if row is None:
            raise NotThereError(kind, id)
        return resource_of(row)

    async def _with_it(self, connection: AsyncConnection, first: Resource) -> list[Resource]:
        wanted = self._kept(first.account).where(resource.c.deletion == first.deletion) if first.deletion == first.id else None
        found = [resource_of(r) for r in await connection.execute(wanted)] if wanted is not None else [first]
        seen = {r.id: r for r in found}
        while found:
            named = select(reference.c.id).where(reference.c.holder.in_([r.id for r in found]))
            rows = await connection.execute(self._kept(first.account).where(resource.c.id.in_(named)))
            found = [r for row in rows if (r := resource_of(row)).id not in seen]
            seen |= {r.id: r for r in found}
        return list(seen.values())

    @staticmethod
    async def _drop(connection: AsyncConnection, ids: Iterable[str]) -> None:
        for id in ids:
            await connection.execute(delete(reference).where(reference.c.holder == id))
            await connection.execute(delete(resource).where(resource.c.id == id))
