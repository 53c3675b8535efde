"""The store beneath: both databases, older tables with data, what lies on the disk."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from jobstream.documents.store.database import MIGRATIONS, Database
from jobstream.documents.store.ids import ObjectIds, object_id
from jobstream.documents.store.resource import STARS, Author, BadReferencesError, Draft, Reference, Secret
from jobstream.documents.store.tables import HEAD, metadata
from jobstream.documents.store.tokens import Wanted
from jobstream.errors import KeepingError, UsageError
from jobstream.ledger.seal import AesSeal
from service import Api, opened, serving

ME = Author("me", "0" * 24)
SECRET = Draft({"name": "x", "key": STARS}, secrets=(Secret("key", "key", "s3cr3t-value"),))


# -- migrations


def test_the_newest_revision_is_the_one_that_is_named() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")

    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


async def test_the_migrations_make_the_tables_that_the_code_speaks_of(empty: str) -> None:
    database = Database(empty)
    await database.migrate()
    async with database.read() as connection:
        columns = await connection.run_sync(
            lambda c: {t: {x["name"]: x["nullable"] for x in inspect(c).get_columns(t)} for t in metadata.tables}
        )
        indexes = await connection.run_sync(lambda c: {i["name"] for t in metadata.tables for i in inspect(c).get_indexes(t)})
    await database.close()

    assert columns == {t.name: {c.name: c.nullable for c in t.columns} for t in metadata.tables.values()}
    assert {i.name for t in metadata.tables.values() for i in t.indexes} <= indexes


async def test_older_tables_come_along_with_their_data(empty: str) -> None:
    old = Database(empty)
    await old.migrate("0001")
    async with old.write() as connection:
        for id, deleted in (("a" * 24, None), ("b" * 24, int(time.time() * 1000))):
            row = {"id": id, "deleted": deleted, "document": '{"name":"old"}'}
            await connection.execute(text("INSERT INTO resource (id, account, kind, document, created, modified, version, deleted) "
                                          "VALUES (:id, 'me', 'exports', :document, 1, 2, 3, :deleted)"), row)  # fmt: skip
    await old.close()

    async with opened(empty, time.time) as store:
        kept = await store.resources.get("me", "exports", "a" * 24)
        assert (kept.document, kept.version) == ({"name": "old"}, 3)
        assert [r.deletion for r in await store.bin.all("me")] == ["b" * 24]
        assert len(await store.bin.restore(ME, "exports", "b" * 24, cascade=True)) == 1


async def test_many_processes_may_open_an_empty_database_at_once(empty: str) -> None:
    databases = [Database(empty) for _ in range(4)]
    await asyncio.gather(*(d.migrate() for d in databases))
    for d in databases:
        await d.close()


async def test_a_database_of_a_newer_jobstream_is_left_alone(empty: str) -> None:
    async with opened(empty, time.time) as store, store.database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database = Database(empty)

    with pytest.raises(KeepingError, match="newer jobstream"):
        await database.migrate()
    await database.close()


async def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is no database at all, but a text that somebody has written " * 20)
    for url in (f"sqlite:///{tmp_path / 'text'}", f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}", "postgresql://127.0.0.1:1/x"):
        database = Database(url)
        with pytest.raises(KeepingError):
            await database.migrate()
        await database.close()
    for url in ("mysql://x/y", "nonsense"):
        with pytest.raises(UsageError):
            Database(url)


def test_a_server_whose_database_goes_says_so_and_finds_it_again(
    tmp_path: Path, postgres_at: Callable[[str], AbstractContextManager[str]]
) -> None:
    folder = str(tmp_path / "postgres")
    with contextlib.ExitStack() as first:
        url = first.enter_context(postgres_at(folder))
        with serving(tmp_path, url, silent=False) as served:
            api = Api(served.url, served.token("a"))
            id = api.export()
            first.close()

            away = [api.get(f"/v1/exports/{id}"), api.post("/v1/exports", {"name": "x"})]
            assert {(r.status, r.error["code"]) for r in away} == {(503, "unavailable")}

            with postgres_at(folder):
                assert api.get(f"/v1/exports/{id}").status == 200
    told = (tmp_path / "stderr").read_text()
    assert "does not answer" in told and "Traceback" not in told


# -- what holds


async def test_writers_at_once_lose_nothing(empty: str) -> None:
    async with opened(empty, time.time) as store:
        one = (await store.resources.create(ME, "exports", Draft({"name": "x", "n": 0}))).id

        def more(old: Any) -> Draft:
            return Draft({"name": "x", "n": old.document["n"] + 1})

        await asyncio.gather(*(store.resources.revise(ME, "exports", one, more) for _ in range(30)),
                             *(store.resources.create(ME, "exports", Draft({"name": str(i)})) for i in range(30)))  # fmt: skip

        found = await store.resources.get("me", "exports", one)
        assert (found.document["n"], found.version, len(await store.resources.all("me", "exports"))) == (30, 31, 31)


async def test_a_refused_write_leaves_no_trace(empty: str) -> None:
    async with opened(empty, time.time) as store:
        good = (await store.resources.create(ME, "exports", Draft({"name": "x"}))).id
        bad = Draft({"name": "y"}, (Reference("a", "exports", good), Reference("b", "exports", "0" * 24)))
        for write in (store.resources.create(ME, "flows", bad), store.resources.revise(ME, "exports", good, lambda _: bad)):
            with pytest.raises(BadReferencesError) as told:
                await write
            assert [r.path for r in told.value.references] == ["b"]

        assert await store.resources.all("me", "flows") == [] and await store.resources.dependents("me", "exports", good) == []
        assert (await store.resources.get("me", "exports", good)).document == {"name": "x"}


async def test_a_secret_opens_only_in_its_own_row(empty: str) -> None:
    async with opened(empty, time.time) as store:
        a, b = [(await store.resources.create(ME, "connections", SECRET)).id for _ in range(2)]
        assert await store.resources.secrets("me", "connections", a) == {"key": "s3cr3t-value"}
        async with store.database.write() as connection:
            move = "UPDATE resource SET sealed = (SELECT sealed FROM resource WHERE id = :a) WHERE id = :b"
            await connection.execute(text(move), {"a": a, "b": b})

        with pytest.raises(KeepingError):
            await store.resources.secrets("me", "connections", b)


async def test_no_secret_and_no_token_lies_open_in_the_file(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path / 'x.db'}", time.time) as store:
        id = (await store.resources.create(ME, "connections", SECRET)).id
        await store.resources.revise(ME, "connections", id, lambda _: SECRET)
        _, token = await store.tokens.create("me", Wanted("x"))
        on_disk = b"".join(f.read_bytes() for f in tmp_path.iterdir())
        assert b"alembic_version" in on_disk and b'"name":"x"' in on_disk
        assert b"s3cr3t-value" not in on_disk and token.encode() not in on_disk and token[4:].encode() not in on_disk


async def test_another_key_reads_all_but_the_secrets(empty: str) -> None:
    async with opened(empty, time.time) as store:
        id = (await store.resources.create(ME, "connections", SECRET)).id
        store.resources._seal = AesSeal(b"x" * 32)

        assert (await store.resources.get("me", "connections", id)).document["key"] == STARS
        with pytest.raises(KeepingError, match="not here"):
            await store.resources.secrets("me", "connections", id)


def test_object_ids_are_new_and_in_order() -> None:
    ids = ObjectIds(lambda: 1.8e9)
    made = [ids() for _ in range(1000)]

    assert sorted(set(made)) == made and all(object_id(i) == i for i in made) and made[0].startswith(f"{int(1.8e9):08x}")
