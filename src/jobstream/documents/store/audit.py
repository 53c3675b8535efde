"""Who changed what and when. Secrets are stars here too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, Select, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobstream.documents.store.database import Database
from jobstream.documents.store.ids import ObjectIds
from jobstream.documents.store.resource import STARS, Author, Document
from jobstream.documents.store.tables import audit

Change = dict[str, Any]


class Entry(NamedTuple):
    """action: create, update, delete, restore or purge · changes: [{"fieldPath", "oldValue", "newValue"}], absent values left out."""

    id: str
    kind: str
    resource: str
    version: int
    at: int
    by: str
    action: str
    changes: list[Change]


class Asked(NamedTuple):
    """Which entries. since, until: epoch milliseconds, both inclusive."""

    kind: str | None = None
    resource: str | None = None
    by: str | None = None
    action: str | None = None
    since: int | None = None
    until: int | None = None
    most: int = 1000
    skip: int = 0


class Audit:
    def __init__(self, database: Database, ids: ObjectIds) -> None:
        self._database, self._ids = database, ids

    async def record(
        self,
        connection: AsyncConnection,
        author: Author,
        action: str,
        rows: Iterable[tuple[str, str, int, list[Change]]],
        at: int,
    ) -> None:
        """In the transaction of the change itself. rows: kind, id, version and changes of each resource."""
        made = [
            {"id": self._ids(), "account": author.account, "kind": kind, "resource": id, "version": version, "at": at,
             "by": author.by, "action": action, "changes": msgspec.json.encode(changes).decode()}
            for kind, id, version, changes in rows
        ]  # fmt: skip
        if made:
            await connection.execute(insert(audit), made)

    async def all(self, account: str, asked: Asked) -> list[Entry]:
        """Newest first."""
        async with self._database.read() as connection:
            rows = (await connection.execute(_query(account, asked))).all()
        return [_entry(r) for r in rows]


def changes_of(old: Document, new: Document, secrets: Iterable[str] = ()) -> list[Change]:
    """secrets: paths of secrets that have changed, which both documents show as stars."""
    stars = [{"fieldPath": path, "oldValue": STARS, "newValue": STARS} for path in secrets]
    return [*_differences(old, new, ""), *stars]


def _differences(old: Any, new: Any, path: str) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            inner = f"{path}.{key}" if path else str(key)
            if key not in old:
                yield {"fieldPath": inner, "newValue": new[key]}
            elif key not in new:
                yield {"fieldPath": inner, "oldValue": old[key]}
            else:
                yield from _differences(old[key], new[key], inner)
    elif old != new or type(old) is not type(new):
        yield {"fieldPath": path, "oldValue": old, "newValue": new}


def _query(account: str, asked: Asked) -> Select[*tuple[Any, ...]]:
    wanted = select(audit).where(audit.c.account == account)
    for column, value in (("kind", asked.kind), ("resource", asked.resource), ("by", asked.by), ("action", asked.action)):
        if value is not None:
            wanted = wanted.where(audit.c[column] == value)
    if asked.since is not None:
        wanted = wanted.where(audit.c.at >= asked.since)
    if asked.until is not None:
        wanted = wanted.where(audit.c.at <= asked.until)
    return wanted.order_by(audit.c.at.desc(), audit.c.id.desc()).limit(asked.most).offset(asked.skip)


def _entry(row: Row[*tuple[Any, ...]]) -> Entry:
    return Entry(row.id, row.kind, row.resource, row.version, row.at, row.by, row.action, msgspec.json.decode(row.changes))
