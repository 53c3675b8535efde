"""Resources of every kind: made, read, replaced, deleted, and who names whom. Each write is one transaction with its audit entry."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobstream.documents.store.audit import Audit, changes_of
from jobstream.documents.store.database import Database
from jobstream.documents.store.ids import ObjectIds
from jobstream.documents.store.resource import (
    STARS,
    Author,
    Birth,
    Dependent,
    Draft,
    NoSecretError,
    NotThereError,
    Resource,
    Sealer,
)
from jobstream.documents.store.rows import SHOWN, check_references, keep_references, living, one, resource_of
from jobstream.documents.store.tables import reference, resource

Secrets = Mapping[str, Any]


class Resources:
    """now: epoch seconds · bin_seconds: how long a deleted resource can be restored."""

    def __init__(
        self, database: Database, seal: Sealer, ids: ObjectIds, audit: Audit, now: Callable[[], float], bin_seconds: float
    ) -> None:
        self._database, self._seal, self._ids, self._audit, self._now = database, seal, ids, audit, now
        self._bin_ms = int(bin_seconds * 1000)

    # -- reading

    async def get(self, account: str, kind: str, id: str) -> Resource:
        """Raises NotThereError."""
        async with self._database.read() as connection:
            row = (await connection.execute(one(account, kind, id))).one_or_none()
        if row is None or row.deleted is not None:
            raise NotThereError(kind, id, binned=row is not None and self.is_kept(row.deleted))
        return resource_of(row)

    async def all(
        self, account: str, kind: str, *, skip: int = 0, most: int | None = None, only: Collection[str] | None = None
    ) -> list[Resource]:
        """In the order of their birth. only: these ids and no others."""
        wanted = select(*SHOWN).where(resource.c.account == account, resource.c.kind == kind, resource.c.deleted.is_(None))
        if only is not None:
            wanted = wanted.where(resource.c.id.in_(list(only)))
        wanted = wanted.order_by(resource.c.created, resource.c.id).offset(skip or None).limit(most)
        async with self._database.read() as connection:
            return [resource_of(r) for r in await connection.execute(wanted)]

    async def dependents(self, account: str, kind: str, id: str) -> list[Dependent]:
        """Living resources that name this one, which need not be there."""
        wanted = (
            select(resource.c.kind, resource.c.id, resource.c.document, reference.c.path)
            .join(resource, resource.c.id == reference.c.holder)
            .where(reference.c.account == account, reference.c.kind == kind, reference.c.id == id, resource.c.deleted.is_(None))
            .order_by(resource.c.kind, resource.c.id, reference.c.position)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(wanted)).all()
        grouped = [(key, list(group)) for key, group in itertools.groupby(rows, lambda r: (r.kind, r.id))]
        return [
            Dependent(kind, id, str(msgspec.json.decode(group[0].document).get("name", "")), tuple(r.path for r in group))
            for (kind, id), group in grouped
        ]

    async def secrets(self, account: str, kind: str, id: str) -> Secrets:
        """place -> secret, for what calls the remote system; no answer ever holds them. Raises NotThereError."""
        async with self._database.read() as connection:
            return await self._secrets(connection, await self._living(connection, account, kind, id))

    def is_kept(self, deleted: int | None) -> bool:
        """Deleted, and still in the recycle bin."""
        return deleted is not None and deleted > int(self._now() * 1000) - self._bin_ms

    # -- writing

    async def create(self, author: Author, kind: str, draft: Draft) -> Resource:
        """Raises BadReferencesError, NoSecretError."""
        return (await self.create_all(author, (Birth(kind, self._ids(), draft),)))[0]

    async def create_all(self, author: Author, births: Collection[Birth]) -> list[Resource]:
        """All or none; they may name each other. Raises BadReferencesError, NoSecretError."""
        now = int(self._now() * 1000)
        born = {(b.kind, b.id) for b in births}
        async with self._database.write() as connection:
            await check_references(connection, author.account, [b.draft for b in births], born)
            for b in births:
                origin = await self._secrets(connection, b.origin) if b.origin is not None else {}
                sealed = self._sealed(author.account, b.kind, b.id, _merged(b.draft, origin))
                row = {"id": b.id, "account": author.account, "kind": b.kind, "document": _text(b.draft), "sealed": sealed,
                       "created": now, "modified": now, "version": 1}  # fmt: skip
                await connection.execute(insert(resource), row)
                await keep_references(connection, author.account, b.id, b.draft.references, instead=False)
            await self._audit.record(connection, author, "create", [(b.kind, b.id, 1, []) for b in births], now)
        return [Resource(author.account, b.kind, b.id, b.draft.document, now, now, 1) for b in births]

    async def revise(self, author: Author, kind: str, id: str, how: Callable[[Resource], Draft]) -> Resource:
        """Replaces the document by what `how` makes of it; nothing comes between. What `how` raises changes nothing.

        Raises NotThereError, BadReferencesError, NoSecretError."""
        async with self._database.write() as connection:
            old = await self._living(connection, author.account, kind, id, write=True)
            draft = how(old)
            kept = await self._secrets(connection, old)
            merged = _merged(draft, kept)
            now = max(int(self._now() * 1000), old.modified + 1)
            await check_references(connection, author.account, [draft])
            await keep_references(connection, author.account, id, draft.references)
            await connection.execute(
                update(resource).where(resource.c.id == id).values(
                    document=_text(draft), sealed=self._sealed(author.account, kind, id, merged), modified=now,
                    version=old.version + 1))  # fmt: skip
            moved = [s.path for s in draft.secrets if s.place in kept and kept[s.place] != merged[s.place]]
            told = [(kind, id, old.version + 1, changes_of(old.document, draft.document, moved))]
            await self._audit.record(connection, author, "update", told, now)
        return Resource(author.account, kind, id, draft.document, old.created, now, old.version + 1)

    async def delete(self, author: Author, kind: str, id: str, *, along: Collection[str] = ()) -> None:
        """Into the recycle bin. along: kinds whose resources go with it where they name it. Raises NotThereError."""
        now = int(self._now() * 1000)
        async with self._database.write() as connection:
            gone = [await self._living(connection, author.account, kind, id, write=True)]
            if along:
                names = select(reference.c.holder).where(
                    reference.c.account == author.account, reference.c.kind == kind, reference.c.id == id
                )
                wanted = select(*SHOWN).where(
                    resource.c.id.in_(names), resource.c.kind.in_(list(along)), resource.c.deleted.is_(None)
                )
                gone += [resource_of(r) for r in await connection.execute(wanted)]
            await connection.execute(
                update(resource).where(resource.c.id.in_([r.id for r in gone])).values(deleted=now, deletion=id)
            )
            await self._audit.record(connection, author, "delete", [(r.kind, r.id, r.version, []) for r in gone], now)

    async def are_there(self, account: str, wanted: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of (kind, id) that live."""
        async with self._database.read() as connection:
            return await living(connection, account, (id for _, id in wanted)) & set(wanted)

    async def _living(self, connection: AsyncConnection, account: str, kind: str, id: str, *, write: bool = False) -> Resource:
        query = one(account, kind, id)
        row = (await connection.execute(query.with_for_update() if write else query)).one_or_none()
        if row is None or row.deleted is not None:
            raise NotThereError(kind, id, binned=row is not None and self.is_kept(row.deleted))
        return resource_of(row)

    async def _secrets(self, connection: AsyncConnection, r: Resource) -> Secrets:
        sealed = (await connection.execute(select(resource.c.sealed).where(resource.c.id == r.id))).scalar_one_or_none()
        found: Secrets = msgspec.json.decode(self._seal.open(sealed, _about(r.account, r.kind, r.id))) if sealed else {}
        return found

    def _sealed(self, account: str, kind: str, id: str, secrets: Secrets) -> bytes | None:
        return self._seal.seal(msgspec.json.encode(secrets), _about(account, kind, id)) if secrets else None


def _about(account: str, kind: str, id: str) -> str:
    return f"resource/{account}/{kind}/{id}"


def _merged(draft: Draft, kept: Secrets) -> Secrets:
    """The secrets of a draft, stars exchanged for what is kept."""
    if missing := tuple(s.path for s in draft.secrets if s.value == STARS and s.place not in kept):
        raise NoSecretError(missing)
    return {s.place: kept[s.place] if s.value == STARS else s.value for s in draft.secrets}


def _text(draft: Draft) -> str:
    return msgspec.json.encode(draft.document).decode()
