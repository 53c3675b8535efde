"""Rows of the table `resource` and of the references, as the statements of the store need them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, Row, Select, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobstream.documents.store.ids import object_id
from jobstream.documents.store.resource import BadReferencesError, Draft, Reference, Resource
from jobstream.documents.store.tables import reference, resource

#: All but what is sealed.
SHOWN: tuple[Column[Any], ...] = (
    resource.c.account, resource.c.kind, resource.c.id, resource.c.document, resource.c.created, resource.c.modified,
    resource.c.version, resource.c.deleted, resource.c.deletion,
)  # fmt: skip
_AT_ONCE = 500  # bound values of one statement, well below the limits of both databases


def resource_of(row: Row[*tuple[Any, ...]]) -> Resource:
    return Resource(row.account, row.kind, row.id, msgspec.json.decode(row.document), row.created, row.modified, row.version,
                    row.deleted, row.deletion)  # fmt: skip


def one(account: str, kind: str, id: str) -> Select[*tuple[Any, ...]]:
    return select(*SHOWN).where(resource.c.account == account, resource.c.kind == kind, resource.c.id == id)


async def living(connection: AsyncConnection, account: str, ids: Iterable[str]) -> set[tuple[str, str]]:
    """(kind, id) of those that are there."""
    found: set[tuple[str, str]] = set()
    wanted = [id for id in dict.fromkeys(ids) if object_id(id)]
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        query = select(resource.c.kind, resource.c.id).where(
            resource.c.account == account, resource.c.id.in_(some), resource.c.deleted.is_(None)
        )
        found |= {(r.kind, r.id) for r in await connection.execute(query)}
    return found


async def check_references(
    connection: AsyncConnection, account: str, drafts: Sequence[Draft], born: Collection[tuple[str, str]] = ()
) -> None:
    """born: (kind, id) of what will be there. Raises BadReferencesError with every reference to what is not there."""
    named = [r for d in drafts for r in d.references]
    there = await living(connection, account, (r.id for r in named)) if named else set()
    if missing := tuple(r for r in named if (r.kind, r.id) not in there and (r.kind, r.id) not in born):
        raise BadReferencesError(missing)


async def keep_references(
    connection: AsyncConnection, account: str, holder: str, references: tuple[Reference, ...], *, instead: bool = True
) -> None:
    """instead: of those that the holder has."""
    if instead:
        await connection.execute(delete(reference).where(reference.c.holder == holder))
    if references:
        rows = [{"holder": holder, "path": r.path, "position": i, "account": account, "kind": r.kind, "id": r.id}
                for i, r in enumerate(references)]  # fmt: skip
        await connection.execute(insert(reference), rows)
