"""Deleting, and what can be had back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from jobstream.documents.store.resource import Author, Draft, NotThereError
from jobstream.documents.store.store import DAY, Store
from jobstream.testing.clock import VirtualClock
from service import Api, Served, full_helper, helper, opened, serving

BIN, HELPERS = "/v1/recycleBinTTL", "/v1/asynchelpers"
NOBODY = "0" * 24


@pytest.mark.seed("A49")
def test_a_deleted_helper_is_not_there_any_more(api: Api) -> None:
    export = api.export()
    id, stays = api.helper(export), api.helper(export)
    gone = api.delete(f"{HELPERS}/{id}")

    assert (gone.status, gone.raw) == (204, b"")
    assert "recycle bin" in api.get(f"{HELPERS}/{id}").error["message"]
    assert [h["_id"] for h in api.get(HELPERS).json] == [stays]


@pytest.mark.seed("A50")
def test_the_whole_document_lies_in_the_recycle_bin(api: Api) -> None:
    export = api.export()
    before = api.post(HELPERS, full_helper(export, export)).json
    assert api.get(BIN).status == 204 and api.get(f"{BIN}/asynchelpers").status == 204
    api.delete(f"{HELPERS}/{before['_id']}")

    (entry,) = api.get(BIN).json
    assert entry["model"] == "AsyncHelper" and {**entry["doc"], "lastModified": 0} == {**before, "lastModified": 0}
    assert entry["doc"]["lastModified"] > before["lastModified"]
    assert api.get(f"{BIN}/AsyncHelpers").json == [entry["doc"]]
    assert api.get(f"{BIN}/asynchelpers/{before['_id']}").json == entry["doc"]
    assert api.get(f"{BIN}/exports").status == 204


@pytest.mark.seed("A51", "A62")
@pytest.mark.parametrize("how", ["", "/doCascadeRestore"])
def test_the_bin_gives_it_back_with_its_id_and_the_references_to_it(api: Api, how: str) -> None:
    export = api.export()
    before = api.post(HELPERS, full_helper(export, export)).json
    step = api.export(http={"_asyncHelperId": before["_id"]})
    one = f"{HELPERS}/{before['_id']}"
    api.delete(one)

    assert api.post(f"{BIN}/asynchelpers/{before['_id']}{how}").status == 204

    assert api.get(one).json == before
    assert [d["id"] for d in api.get(f"{one}/dependencies").json["exports"]] == [step]
    assert set(api.get(f"/v1/exports/{export}/dependencies").json) == {"asynchelpers"}
    assert api.get(BIN).status == 204 and api.post(f"{BIN}/asynchelpers/{before['_id']}{how}").status == 404


@pytest.mark.seed("A52")
async def test_after_thirty_days_it_is_gone_for_good_by_the_clock(empty: str) -> None:
    clock, me = VirtualClock(1.8e9), Author("by the clock", NOBODY)
    async with opened(empty, clock.now) as store:
        id = (await store.resources.create(me, "asynchelpers", Draft({"name": "x"}))).id
        await store.resources.delete(me, "asynchelpers", id)

        clock.at += 30 * DAY - 1
        assert await store.bin.purge_old() == 0
        assert [r.id for r in await store.bin.all(me.account)] == [id]
        with pytest.raises(NotThereError) as binned:
            await store.resources.get(me.account, "asynchelpers", id)

        clock.at += 2
        with pytest.raises(NotThereError) as gone:
            await store.resources.get(me.account, "asynchelpers", id)
        assert binned.value.binned and not gone.value.binned
        assert await store.bin.all(me.account) == []
        with pytest.raises(NotThereError):
            await store.bin.restore(me, "asynchelpers", id, cascade=True)
        assert await store.bin.purge_old() == 1


@pytest.mark.seed("A52")
def test_a_running_server_purges_by_itself(tmp_path: Path) -> None:
    with serving(tmp_path, None, "--recycle-days", str(0.7 / DAY)) as served:
        api = Api(served.url, served.token("a"))
        id = api.helper(api.export())
        api.delete(f"{HELPERS}/{id}")
        assert "recycle bin" in api.get(f"{HELPERS}/{id}").error["message"]

        ends = time.monotonic() + 20
        while served.through(_rows) > 1:
            assert time.monotonic() < ends
            time.sleep(0.1)

        assert api.get(f"{HELPERS}/{id}").error["message"] == "AsyncHelper not found."
        assert api.get(BIN).status == 204 and api.post(f"{BIN}/asynchelpers/{id}").status == 404


async def _rows(store: Store) -> int:
    from sqlalchemy import text

    async with store.database.read() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM resource"))).scalar_one())


@pytest.mark.seed("A53")
def test_deleting_what_is_not_there_is_404(api: Api) -> None:
    id = api.helper(api.export())
    assert api.delete(f"{HELPERS}/{id}").status == 204
    again, never = api.delete(f"{HELPERS}/{id}"), api.delete(f"{HELPERS}/{NOBODY}")

    assert (again.status, again.error["code"]) == (404, "invalid_ref")
    assert (never.status, never.error["message"]) == (404, "AsyncHelper not found.")


@pytest.mark.seed("A54")
def test_a_helper_in_use_can_be_deleted(api: Api) -> None:
    id = api.helper(api.export())
    step = api.export(http={"_asyncHelperId": id})

    assert api.delete(f"{HELPERS}/{id}").status == 204
    assert api.get(f"/v1/exports/{step}").json["http"]["_asyncHelperId"] == id


def test_purged_is_gone_for_good(api: Api) -> None:
    id = api.helper(api.export())
    assert api.delete(f"{BIN}/asynchelpers/{id}").status == 404
    api.delete(f"{HELPERS}/{id}")

    assert api.delete(f"{BIN}/asynchelpers/{id}").status == 204
    assert api.get(f"{HELPERS}/{id}").error["message"] == "AsyncHelper not found."
    assert api.post(f"{BIN}/asynchelpers/{id}").status == 404 and api.get(BIN).status == 204


def test_the_bin_has_every_kind_and_only_ones_own(api: Api, other: Api) -> None:
    made = {"connections": api.connection(), "exports": api.export(), "imports": api.post("/v1/imports", {"name": "i"}).id,
            "flows": api.post("/v1/flows", {"name": "f"}).id, "integrations": api.post("/v1/integrations", {"name": "n"}).id}  # fmt: skip
    made["asynchelpers"] = api.helper(made["exports"])
    for kind, id in made.items():
        assert api.delete(f"/v1/{kind}/{id}").status == 204

    models = {"connections": "Connection", "exports": "Export", "imports": "Import", "flows": "Flow", "integrations": "Integration",
              "asynchelpers": "AsyncHelper"}  # fmt: skip
    assert {(e["model"], e["doc"]["_id"]) for e in api.get(BIN).json} == {(models[k], id) for k, id in made.items()}
    for kind, id in made.items():
        foreign = [
            other.get(f"{BIN}/{kind}/{id}"),
            other.post(f"{BIN}/{kind}/{id}/doCascadeRestore"),
            other.delete(f"{BIN}/{kind}/{id}"),
        ]
        assert {r.status for r in foreign} == {404}
        assert api.post(f"{BIN}/{kind}/{id}").status == 204 and api.get(f"/v1/{kind}/{id}").status == 200
    assert other.get(BIN).status == 204 and api.get(f"{BIN}/widgets").status == 404


def test_a_cascade_brings_back_what_was_deleted_with_it_and_what_it_names(api: Api) -> None:
    integration, connection = api.post("/v1/integrations", {"name": "n"}).id, api.connection()
    export = api.export(_connectionId=connection)
    flow = api.post("/v1/flows", {"name": "f", "_integrationId": integration, "pageGenerators": [{"_exportId": export}]}).id
    api.delete(f"/v1/integrations/{integration}")
    assert api.get(f"/v1/flows/{flow}").status == 404 and api.get(f"/v1/exports/{export}").status == 200
    for kind, id in (("connections", connection), ("exports", export)):
        api.delete(f"/v1/{kind}/{id}")

    assert api.post(f"{BIN}/integrations/{integration}/doCascadeRestore").status == 204

    for kind, id in (("integrations", integration), ("flows", flow), ("exports", export), ("connections", connection)):
        assert api.get(f"/v1/{kind}/{id}").status == 200
    assert api.get(BIN).status == 204


def test_restored_alone_it_comes_alone(api: Api) -> None:
    integration: str = api.post("/v1/integrations", {"name": "n"}).id
    flow: Any = api.post("/v1/flows", {"name": "f", "_integrationId": integration}).id
    api.delete(f"/v1/integrations/{integration}")

    assert api.post(f"{BIN}/integrations/{integration}").status == 204
    assert api.get(f"/v1/integrations/{integration}").status == 200 and api.get(f"/v1/flows/{flow}").status == 404


def test_the_bin_is_the_same_for_a_helper_made_anew(served: Served, api: Api) -> None:
    export = api.export()
    ids = [api.helper(export) for _ in range(3)]
    for id in ids:
        api.delete(f"{HELPERS}/{id}")

    assert [d["_id"] for d in api.get(f"{BIN}/asynchelpers").json] == ids[::-1]
    assert api.post(HELPERS, helper(export)).id not in ids
