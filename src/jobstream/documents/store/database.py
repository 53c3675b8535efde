"""One database, SQLite or Postgres: connections to read and to write, and the way to the newest schema."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from jobstream.documents.store.tables import HEAD
from jobstream.errors import KeepingError, UsageError

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x6A6F6273  # one process at a time brings a Postgres database to the newest schema


class Database:
    """url: `sqlite:///file` or `postgresql://...`. Writers of SQLite queue up; readers never wait.

    Raises UsageError for another url, KeepingError where the database cannot be reached."""

    def __init__(self, url: str) -> None:
        self._url = _driven(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._turn = asyncio.Lock()  # SQLite lets whoever looks first go first: a writer that waits could wait for seconds
        pool: dict[str, Any] = (
            {"pool_size": 8, "max_overflow": 8} if self.is_sqlite else {"pool_size": 16, "pool_pre_ping": True}
        )
        self._engine = create_async_engine(self._url, **pool)
        reading: dict[str, Any] = {"jobstream": "read"} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        self._reads = self._engine.execution_options(**reading)
        if self.is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _pragmas)
            event.listen(self._engine.sync_engine, "begin", _begin)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Each statement sees what was committed before it."""
        with _reachable():
            async with self._reads.connect() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: all of it, or nothing where the block raises."""
        async with self._turn if self.is_sqlite else contextlib.nullcontext():
            with _reachable():
                async with self._engine.begin() as connection:
                    yield connection

    async def migrate(self, to: str = HEAD) -> None:
        """Brings the tables to a revision; one process at a time. A database from a newer jobstream is refused."""
        try:
            if self.is_sqlite:  # what is no database is found before the driver has a thread that waits for it
                await asyncio.to_thread(_looked_into, self._url.database or "")
            async with self.write() as connection:
                if not self.is_sqlite:
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                await connection.run_sync(_migrate, to)
        except (DBAPIError, OSError, sqlite3.Error) as e:
            shown = self._url.render_as_string(hide_password=True)
            raise KeepingError(
                f"the database cannot be used: {getattr(e, 'orig', e)}", where=shown, hint="is it there, and ours?"
            ) from e

    async def close(self) -> None:
        await self._engine.dispose()


def _looked_into(file: str) -> None:
    """Raises sqlite3.Error where the file cannot be opened or is no database."""
    with contextlib.closing(sqlite3.connect(file, timeout=30.0)) as there:
        there.execute("PRAGMA schema_version")


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    """A database that does not answer is a KeepingError; statements that are wrong stay what they are."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, OSError) as e:
        raise KeepingError(f"the database does not answer: {getattr(e, 'orig', None) or e}", hint="does it run?") from e


def _driven(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as e:
        raise UsageError("the address of the database cannot be read", where="--db", hint="postgresql://user@host/name") from e
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
    if parsed.get_backend_name() not in ("sqlite", "postgresql") and parsed.drivername != "postgres":
        raise UsageError(
            f"no database of ours: {parsed.drivername}", where="--db", hint="sqlite:///file or postgresql://host/name"
        )
    return parsed.set(drivername=drivers[parsed.drivername.partition("+")[0]])


def _pragmas(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions are begun by us, see _begin
    cursor = connection.cursor()
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """A writer takes the lock at once: a reader that becomes one would be refused, not made to wait."""
    if connection.get_execution_options().get("jobstream") != "read":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(connection: Connection, to: str) -> None:
    if _revision(connection) == to:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as e:
        raise KeepingError(f"the tables cannot be brought to revision {to}: {e}", hint="was a newer jobstream here?") from e


def _revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
