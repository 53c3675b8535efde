"""Who names whom."""

from __future__ import annotations

import pytest

from service import Api, Served, full_helper, helper

NOBODY = "0" * 24


@pytest.mark.seed("A55", "A56", "A57", "A59")
def test_steps_that_name_a_helper_are_its_dependents(api: Api) -> None:
    id = api.helper(api.export())
    export = api.export(name="Start", http={"_asyncHelperId": id})
    import_ = api.post("/v1/imports", {"name": "Hand over", "http": {"_asyncHelperId": id}}).id

    reply = api.get(f"/v1/asynchelpers/{id}/dependencies")

    common = {"paths": ["http._asyncHelperId"], "accessLevel": "owner", "dependencyIds": {"asynchelpers": [id]}}
    assert reply.status == 200
    assert reply.json == {"exports": [{"id": export, "name": "Start", **common}],
                          "imports": [{"id": import_, "name": "Hand over", **common}]}  # fmt: skip


@pytest.mark.seed("A58")
def test_the_access_level_is_the_callers(served: Served, api: Api, account: str) -> None:
    id = api.helper(api.export())
    api.export(http={"_asyncHelperId": id})

    def level(*scopes: str) -> str:
        caller = Api(served.url, served.token(account, *scopes))
        (entry,) = caller.get(f"/v1/asynchelpers/{id}/dependencies").json["exports"]
        found: str = entry["accessLevel"]
        return found

    assert [level(), level("manage"), level("run"), level("read"), level("read", "run")] == [
        "owner",
        "manage",
        "run",
        "read",
        "run",
    ]


@pytest.mark.seed("A60")
def test_nothing_is_an_empty_object(api: Api, other: Api) -> None:
    unused, foreign = api.helper(api.export()), other.helper(other.export())
    other.export(http={"_asyncHelperId": foreign})

    for id in (unused, NOBODY, foreign):
        reply = api.get(f"/v1/asynchelpers/{id}/dependencies")
        assert (reply.status, reply.json) == (200, {})


@pytest.mark.seed("A61")
def test_an_export_lists_helpers_and_flows_that_use_it(api: Api) -> None:
    export = api.export()
    both = api.post("/v1/asynchelpers", full_helper(export, export)).id
    steps = [
        {"type": "export", "_exportId": export},
        {"type": "import", "_importId": api.post("/v1/imports", {"name": "i"}).id},
    ]
    flow = api.post("/v1/flows", {"name": "f", "pageGenerators": [{"_exportId": export}], "pageProcessors": steps}).id

    found = api.get(f"/v1/exports/{export}/dependencies").json

    assert {k: [(e["id"], e["paths"]) for e in v] for k, v in found.items()} == {
        "asynchelpers": [(both, ["http.status._exportId", "http.result._exportId"])],
        "flows": [(flow, ["pageGenerators[0]._exportId", "pageProcessors[0]._exportId"])],
    }
    assert found["flows"][0]["dependencyIds"] == {"exports": [export]}


@pytest.mark.seed("A61")
def test_a_connection_lists_its_exports_and_imports(api: Api) -> None:
    connection = api.connection()
    export = api.export(_connectionId=connection)
    import_ = api.post("/v1/imports", {"name": "i", "_connectionId": connection}).id
    borrower = api.connection(_borrowConcurrencyFromConnectionId=connection)

    found = api.get(f"/v1/connections/{connection}/dependencies").json

    assert {k: [e["id"] for e in v] for k, v in found.items()} == {
        "exports": [export],
        "imports": [import_],
        "connections": [borrower],
    }


def test_imports_flows_and_integrations_have_dependents_too(api: Api) -> None:
    integration = api.post("/v1/integrations", {"name": "n"}).id
    import_ = api.post("/v1/imports", {"name": "i"}).id
    flow = api.post(
        "/v1/flows", {"name": "f", "_integrationId": integration, "pageProcessors": [{"type": "import", "_importId": import_}]}
    ).id
    next_ = api.post("/v1/flows", {"name": "g", "_runNextFlowIds": [flow]}).id

    assert api.get(f"/v1/integrations/{integration}/dependencies").json["flows"][0]["paths"] == ["_integrationId"]
    assert api.get(f"/v1/imports/{import_}/dependencies").json["flows"][0]["paths"] == ["pageProcessors[0]._importId"]
    assert [(e["id"], e["paths"]) for e in api.get(f"/v1/flows/{flow}/dependencies").json["flows"]] == [
        (next_, ["_runNextFlowIds[0]"])
    ]


@pytest.mark.seed("A62")
def test_deleted_dependents_are_not_listed_and_restored_ones_are_again(api: Api) -> None:
    id = api.helper(api.export())
    step = api.export(http={"_asyncHelperId": id})
    one = f"/v1/asynchelpers/{id}/dependencies"
    before = api.get(one).json
    api.delete(f"/v1/exports/{step}")

    assert api.get(one).json == {}
    api.post(f"/v1/recycleBinTTL/exports/{step}")
    assert api.get(one).json == before != {}


def test_a_reference_that_is_replaced_is_none_any_more(api: Api) -> None:
    first, second = api.export(), api.export()
    id = api.helper(first)
    api.put(f"/v1/asynchelpers/{id}", helper(second))

    assert api.get(f"/v1/exports/{first}/dependencies").json == {}
    assert api.get(f"/v1/exports/{second}/dependencies").json["asynchelpers"][0]["id"] == id
