"""Bearer tokens: 256 random bits, of which only a digest is kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, Select, delete, insert, or_, select, update

from jobstream.documents.store.database import Database
from jobstream.documents.store.ids import ObjectIds
from jobstream.documents.store.tables import token

SCOPES = ("read", "run", "manage")
_PREFIX = "jst_"

Only = Mapping[str, tuple[str, ...]]


class Token(NamedTuple):
    """scopes: of SCOPES · only: kind -> ids, where it is good for these resources alone · times: epoch milliseconds."""

    id: str
    account: str
    name: str
    description: str | None
    scopes: tuple[str, ...]
    only: Only | None
    created: int
    modified: int
    ends: int | None
    revoked: int | None

    @property
    def is_full(self) -> bool:
        return set(self.scopes) == set(SCOPES) and self.only is None


class Wanted(NamedTuple):
    """What a token shall be. ends: epoch milliseconds."""

    name: str
    scopes: tuple[str, ...] = SCOPES
    description: str | None = None
    only: Only | None = None
    ends: int | None = None
    revoked: bool = False


class Tokens:
    """now: epoch seconds."""

    def __init__(self, database: Database, ids: ObjectIds, now: Callable[[], float]) -> None:
        self._database, self._ids, self._now = database, ids, now

    async def create(self, account: str, wanted: Wanted) -> tuple[Token, str]:
        """The token and its text, which is not kept and never told again."""
        text, now = _PREFIX + secrets.token_urlsafe(32), int(self._now() * 1000)
        made = Token(self._ids(), account, wanted.name, wanted.description, wanted.scopes, wanted.only, now, now, wanted.ends,
                     now if wanted.revoked else None)  # fmt: skip
        async with self._database.write() as connection:
            row = {"id": made.id, "digest": _digest(text), "account": account, "created": now, **_columns(wanted, now)}
            await connection.execute(insert(token), row)
        return made, text

    async def good(self, text: str) -> Token | None:
        """None where it is unknown, revoked or over."""
        found = await self._first(select(token).where(token.c.digest == _digest(text)))
        over = found is None or found.revoked is not None or (found.ends is not None and found.ends <= self._now() * 1000)
        return None if over else found

    async def get(self, account: str, id: str) -> Token | None:
        return await self._first(select(token).where(token.c.account == account, token.c.id == id))

    async def all(self, account: str | None = None) -> list[Token]:
        """In the order of their birth; of all accounts where none is named."""
        wanted = select(token) if account is None else select(token).where(token.c.account == account)
        async with self._database.read() as connection:
            return [_token(r) for r in await connection.execute(wanted.order_by(token.c.created, token.c.id))]

    async def replace(self, account: str, id: str, wanted: Wanted) -> Token | None:
        """Its text stays. None where there is none."""
        async with self._database.write() as connection:
            row = (await connection.execute(select(token).where(token.c.account == account, token.c.id == id))).one_or_none()
            if row is None:
                return None
            values = _columns(wanted, max(int(self._now() * 1000), row.modified + 1))
            if wanted.revoked and row.revoked is not None:
                values["revoked"] = row.revoked
            await connection.execute(update(token).where(token.c.id == id).values(**values))
        return await self.get(account, id)

    async def revoke(self, text_or_id: str) -> Token | None:
        """At once, in every process. None where there is none."""
        named = or_(token.c.id == text_or_id.lower(), token.c.digest == _digest(text_or_id))
        async with self._database.write() as connection:
            stops = update(token).where(named, token.c.revoked.is_(None)).values(revoked=int(self._now() * 1000))
            await connection.execute(stops)
        return await self._first(select(token).where(named))

    async def delete(self, account: str, id: str) -> None:
        async with self._database.write() as connection:
            await connection.execute(delete(token).where(token.c.account == account, token.c.id == id))

    async def purge_old(self, after: float) -> None:
        """Takes those away that were over `after` seconds ago."""
        async with self._database.write() as connection:
            await connection.execute(delete(token).where(token.c.ends <= int((self._now() - after) * 1000)))

    async def _first(self, wanted: Select[*tuple[Any, ...]]) -> Token | None:
        async with self._database.read() as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return _token(row) if row is not None else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _columns(wanted: Wanted, now: int) -> dict[str, Any]:
    only = msgspec.json.encode(wanted.only).decode() if wanted.only is not None else None
    return {"name": wanted.name, "description": wanted.description, "scopes": " ".join(wanted.scopes), "only": only,
            "modified": now, "ends": wanted.ends, "revoked": now if wanted.revoked else None}  # fmt: skip


def _token(row: Row[*tuple[Any, ...]]) -> Token:
    only = {k: tuple(v) for k, v in msgspec.json.decode(row.only).items()} if row.only else None
    return Token(row.id, row.account, row.name, row.description, tuple(row.scopes.split()), only, row.created, row.modified,
                 row.ends, row.revoked)  # fmt: skip
