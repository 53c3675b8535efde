"""The async helper: what it is, how it is made, read, replaced."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from jobstream.documents.store.resource import Author, Birth, Draft
from service import Api, Served, full_helper, helper

HELPERS = "/v1/asynchelpers"
NOBODY = "0" * 24
REQUIRED = ["name", "http", "http.submit", "http.submit.sameAsStatus", "http.status", "http.status._exportId",
            "http.status.statusPath", "http.status.inProgressValues", "http.status.doneValues"]  # fmt: skip
OPTIONAL = ["http.submit.resourcePath", "http.submit.transform", "http.status.doneWithoutDataValues", "http.status.errorValues",
            "http.result", "http.result._exportId"]  # fmt: skip
LISTS = ["inProgressValues", "doneValues", "doneWithoutDataValues", "errorValues"]


def without(body: dict[str, Any], path: str) -> dict[str, Any]:
    return with_(body, path, ...)


def with_(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a place; ...: with none."""
    changed = copy.deepcopy(body)
    *holders, last = path.split(".")
    at = changed
    for h in holders:
        at = at[h]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return changed


def inside(body: dict[str, Any], path: str) -> Any:
    """None where nothing is."""
    for key in path.split("."):
        body = body.get(key, {}) if isinstance(body, dict) else {}
    return body or None


def own(reply: dict[str, Any]) -> dict[str, Any]:
    """What of an answer is not the server's."""
    return {k: v for k, v in reply.items() if k not in ("_id", "lastModified")}


WRONG: dict[str, list[Any]] = {
    "http.submit.sameAsStatus": ["true", 1, 0, [], {}], "http.submit.transform": ["x", 1, True, []],
    "http.submit.resourcePath": [1, True, [], {}], "http.status.statusPath": [1, True, [], {}], "http.result": ["x", 1, [], True],
    "http.submit": ["x", 1, [], True], "http": ["x", []],
}  # fmt: skip


# -- the resource


@pytest.mark.seed("A18")
def test_the_id_is_the_servers(api: Api) -> None:
    given = {"_id": "a" * 24, "lastModified": "1999-01-01T00:00:00.000Z", "createdAt": "x"}
    made = api.post(HELPERS, {**helper(api.export()), **given})

    assert re.fullmatch("[0-9a-f]{24}", made.id) and made.id != "a" * 24
    assert api.get(f"{HELPERS}/{'a' * 24}").status == 404
    assert api.put(f"{HELPERS}/{made.id}", {**helper(api.export()), **given}).json["_id"] == made.id
    assert set(made.json) == {"_id", "name", "http", "lastModified"}


@pytest.mark.seed("A19")
def test_last_modified_is_set_by_create_and_replace_and_not_by_reads(api: Api) -> None:
    body = helper(api.export())
    made = api.post(HELPERS, body).json
    one = f"{HELPERS}/{made['_id']}"
    read = [api.get(one).json["lastModified"], api.get(HELPERS).json[0]["lastModified"]]
    replaced = api.put(one, body).json["lastModified"]

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made["lastModified"])
    assert read == [made["lastModified"]] * 2
    assert replaced > made["lastModified"] and api.get(one).json["lastModified"] == replaced


@pytest.mark.seed("A20")
def test_names_are_for_people(api: Api) -> None:
    export = api.export()

    assert api.helper(export, name="Zwölf ☕ \u0000 names") != api.helper(export, name="Zwölf ☕ \u0000 names")
    for name in (3, True, ["x"], {"x": 1}):
        reply = api.post(HELPERS, helper(export, name=name))
        assert (reply.status, reply.error["field"]) == (422, "name")
    assert len(api.get(HELPERS).json) == 2


@pytest.mark.seed("A21", "A22", "A24", "A28")
def test_an_answer_carries_what_was_stored_and_nothing_else(api: Api) -> None:
    export, result = api.export(), api.export()
    least, most = helper(export), full_helper(export, result)

    for body in (least, most):
        made = api.post(HELPERS, body)
        assert made.status == 201 and own(made.json) == body
        assert {"_id", "name", "http"} <= set(made.json) and {"submit", "status"} <= set(made.json["http"])
        assert api.get(f"{HELPERS}/{made.id}").json == made.json


@pytest.mark.seed("A23")
@pytest.mark.parametrize(
    ("path", "wrong"),
    [(path, w) for path, several in WRONG.items() for w in several],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(api: Api, path: str, wrong: Any) -> None:
    export = api.export()
    reply = api.post(HELPERS, with_(full_helper(export, export), path, wrong))

    assert (reply.status, reply.error["code"], reply.error["field"]) == (422, "invalid_field", path)


@pytest.mark.seed("A23")
@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    "wrong", ["DONE", {"0": "DONE"}, 1, True, ["DONE", 1], ["DONE", True], ["DONE", None], ["DONE", ["x"]]]
)
def test_a_value_list_is_a_list_of_texts(api: Api, name: str, wrong: Any) -> None:
    export = api.export()
    reply = api.post(HELPERS, with_(full_helper(export, export), f"http.status.{name}", wrong))

    assert (reply.status, reply.error["code"], reply.error["field"]) == (422, "invalid_field", f"http.status.{name}")


@pytest.mark.seed("A23")
def test_value_lists_keep_their_order_and_what_is_in_them_twice(api: Api) -> None:
    values = ["b", "a", "", "b", "A", "ä"]
    body = full_helper(export := api.export(), export)
    for name in LISTS:
        body["http"]["status"][name] = values

    status = api.post(HELPERS, body).json["http"]["status"]

    assert [status[name] for name in LISTS] == [values] * 4


# -- create


@pytest.mark.seed("A25")
def test_a_body_is_required_and_is_json(api: Api) -> None:
    for raw in (..., b"", b"{", b'{"name": }', b"\xff", b"[" * 10_000):
        reply = api.post(HELPERS, raw)
        assert reply.status == 400 and reply.errors
    for raw in (b"[]", b'"x"', b"3", b"null"):
        assert api.post(HELPERS, raw).errors
    assert api.get(HELPERS).status == 204


@pytest.mark.seed("A26")
@pytest.mark.parametrize("path", REQUIRED)
@pytest.mark.parametrize("how", [..., None])
def test_each_required_field_is_missed_by_its_name(api: Api, path: str, how: Any) -> None:
    reply = api.post(HELPERS, with_(helper(api.export()), path, how))

    assert (reply.status, reply.error["code"], reply.error["field"]) == (422, "missing_required_field", path)
    assert api.get(HELPERS).status == 204


@pytest.mark.seed("A26")
def test_several_missing_fields_come_in_one_answer(api: Api) -> None:
    none = api.post(HELPERS, {"http": {"submit": {}, "status": {}}})
    parents = api.post(HELPERS, {})

    assert none.status == parents.status == 422
    assert {e["field"] for e in none.errors} == set(REQUIRED) - {"http", "http.submit", "http.status"}
    assert {e["field"] for e in parents.errors} == {"name", "http"}
    assert {e["code"] for e in none.errors + parents.errors} == {"missing_required_field"}


@pytest.mark.parametrize("path", ["name", "http.status.statusPath"])
def test_empty_text_is_missing(api: Api, path: str) -> None:
    reply = api.post(HELPERS, with_(helper(api.export()), path, ""))

    assert (reply.error["code"], reply.error["field"]) == ("missing_required_field", path)


@pytest.mark.seed("A27")
def test_same_as_status_is_required_also_when_it_is_true(api: Api) -> None:
    export = api.export()

    assert api.post(HELPERS, with_(helper(export), "http.submit", {"sameAsStatus": True})).status == 201
    assert api.post(HELPERS, with_(helper(export), "http.submit", {"resourcePath": "id"})).status == 422


@pytest.mark.seed("A28")
@pytest.mark.parametrize("path", OPTIONAL)
def test_an_optional_field_that_is_absent_stays_absent(api: Api, path: str) -> None:
    export = api.export()
    body = without(full_helper(export, export), path)

    assert own(api.post(HELPERS, body).json) == body


@pytest.mark.seed("A29", "A30")
@pytest.mark.parametrize("path", ["http.status._exportId", "http.result._exportId"])
@pytest.mark.parametrize("which", ["unknown", "deleted", "malformed", "foreign", "of another kind"])
def test_an_export_that_is_not_there_is_refused(api: Api, other: Api, path: str, which: str) -> None:
    export, gone = api.export(), api.export()
    assert api.delete(f"/v1/exports/{gone}").status == 204
    id = {
        "unknown": NOBODY,
        "deleted": gone,
        "malformed": "x\u0000",
        "foreign": other.export(),
        "of another kind": api.connection(),
    }[which]

    reply = api.post(HELPERS, with_(full_helper(export, export), path, id))

    assert (reply.status, reply.error["code"], reply.error["field"]) == (422, "invalid_ref", path)
    assert api.get(HELPERS).status == 204


@pytest.mark.seed("A31")
def test_no_resource_path_is_accepted_where_a_separate_submit_is_read(api: Api) -> None:
    made = api.post(HELPERS, helper(api.export()))

    assert made.status == 201 and made.json["http"]["submit"] == {"sameAsStatus": False}


@pytest.mark.seed("A32")
def test_a_refused_create_leaves_nothing_behind(api: Api) -> None:
    export = api.export()
    for body in (without(helper(export), "name"), helper(NOBODY), helper(export, name=3)):
        assert api.post(HELPERS, body).status == 422

    assert api.get(HELPERS).status == 204 and api.get("/v1/recycleBinTTL").status == 204
    assert api.get(f"/v1/exports/{export}/dependencies").json == {}
    assert [e["resourceType"] for e in api.get("/v1/audit").json] == ["Export"]


# -- what the seed leaves out


def test_wait_times_are_numbers_of_minutes_and_never_returned_if_never_sent(api: Api) -> None:
    export = api.export()
    body = helper(export)
    body["http"]["status"] |= {"initialWaitTime": "0.5", "pollWaitTime": 2}
    status = api.post(HELPERS, body).json["http"]["status"]

    assert (status["initialWaitTime"], status["pollWaitTime"]) == (0.5, 2)
    several: list[Any] = [-1, "x", True, [], "nan", "inf"]
    for wrong in several:
        assert api.post(HELPERS, with_(body, "http.status.pollWaitTime", wrong)).error["field"] == "http.status.pollWaitTime"


def test_names_that_nobody_knows_are_dropped(api: Api) -> None:
    body = helper(api.export(), shoeSize=43)
    body["http"]["submit"]["colour"] = "blue"

    assert own(api.post(HELPERS, body).json) == helper(body["http"]["status"]["_exportId"])


def test_an_id_may_be_written_in_upper_case(api: Api) -> None:
    export = api.export()
    made = api.post(HELPERS, helper(export.upper()))

    assert made.json["http"]["status"]["_exportId"] == export
    assert api.get(f"{HELPERS}/{made.id.upper()}").json == made.json


# -- list


@pytest.mark.seed("A33", "A36")
def test_the_list_has_all_helpers_of_the_account_in_full(api: Api, other: Api) -> None:
    export = api.export()
    made = [
        api.post(HELPERS, body).json for body in (helper(export), full_helper(export, export), helper(export, name="Third"))
    ]
    other.helper(other.export())
    assert api.delete(f"{HELPERS}/{made[0]['_id']}").status == 204

    listed = api.get(HELPERS)

    assert listed.status == 200 and listed.json == made[1:]
    assert listed.json == [api.get(f"{HELPERS}/{m['_id']}").json for m in made[1:]]


@pytest.mark.seed("A34")
def test_an_empty_list_is_204_without_a_body(api: Api) -> None:
    before = api.get(HELPERS)
    id = api.helper(api.export())
    assert api.get(HELPERS).status == 200
    assert api.delete(f"{HELPERS}/{id}").status == 204
    after = api.get(HELPERS)

    assert [(r.status, r.raw) for r in (before, after)] == [(204, b"")] * 2
    assert "content-type" not in after.headers


@pytest.mark.seed("A35")
def test_all_means_all(served: Served, api: Api, account: str) -> None:
    draft = Draft(helper(api.export()))
    served.through(lambda store: store.resources.create_all(
        Author(account, NOBODY), [Birth("asynchelpers", store.ids(), draft) for _ in range(2500)]))  # fmt: skip

    whole = api.get(HELPERS)
    ignored = api.get(f"{HELPERS}?limit=1&skip=2&include=name&exclude=name,http")

    assert len(whole.json) == 2500 and "link" not in whole.headers
    assert ignored.status == 200 and ignored.raw == whole.raw


@pytest.mark.seed("A37")
@pytest.mark.parametrize("kind", ["exports", "imports"])
def test_a_helper_of_the_list_goes_into_a_step_and_a_missing_one_does_not(api: Api, other: Api, kind: str) -> None:
    api.helper(api.export())
    listed = api.get(HELPERS).json[0]["_id"]

    def step(id: str) -> Any:
        return api.post(f"/v1/{kind}", {"name": "Step", "http": {"_asyncHelperId": id}})

    assert step(listed).json["http"]["_asyncHelperId"] == listed
    for id in (NOBODY, "x", other.helper(other.export())):
        refused = step(id)
        assert (refused.status, refused.error["code"], refused.error["field"]) == (422, "invalid_ref", "http._asyncHelperId")


# -- get


@pytest.mark.seed("A38")
def test_get_answers_the_resource(api: Api) -> None:
    made = api.post(HELPERS, helper(api.export()))
    got = api.get(f"{HELPERS}/{made.id}")

    assert (got.status, got.json) == (200, made.json)
    assert api.get(f"{HELPERS}/{made.id}?include=name").json == made.json


MALFORMED = [
    "1",
    "a" * 23,
    "a" * 25,
    "a" * 12,
    "g" * 24,
    "abcdefghijkl",
    "%C3%A4" * 12,
    "a" * 23 + "%0a",
    "a" * 300,
    "%00" * 24,
]


@pytest.mark.seed("A39", "A46", "C8")
@pytest.mark.parametrize("id", MALFORMED)
def test_what_is_no_object_id_is_refused_everywhere(api: Api, id: str) -> None:
    body = helper(NOBODY)
    one = f"{HELPERS}/{id}"
    replies = [api.get(one), api.put(one, body), api.delete(one), api.get(f"{one}/dependencies"), api.patch(one, [])]

    assert {(r.status, r.error["code"], r.error["field"]) for r in replies} == {(400, "invalid_ref", "_id")}


@pytest.mark.seed("A40")
def test_an_unknown_helper_is_told_in_these_words(api: Api) -> None:
    reply = api.get(f"{HELPERS}/{NOBODY}")

    assert (reply.status, reply.error["code"], reply.error["message"]) == (404, "invalid_ref", "AsyncHelper not found.")


@pytest.mark.seed("A41")
def test_of_a_deleted_helper_the_message_speaks_of_the_recycle_bin(api: Api) -> None:
    id = api.helper(api.export())
    api.delete(f"{HELPERS}/{id}")
    reply = api.get(f"{HELPERS}/{id}")

    assert (reply.status, reply.error["code"]) == (404, "invalid_ref")
    assert reply.error["message"].startswith("AsyncHelper not found.") and "recycle bin" in reply.error["message"]


# -- replace


@pytest.fixture
def stored(api: Api) -> Iterator[tuple[str, dict[str, Any]]]:
    """The address of a helper with every field, and its body. Fails where a refused write has changed it."""
    export = api.export()
    body = full_helper(export, export)
    yield f"{HELPERS}/{api.post(HELPERS, body).id}", body


@pytest.mark.seed("A42")
def test_a_replace_keeps_the_id_and_moves_the_date(api: Api, stored: tuple[str, dict[str, Any]]) -> None:
    one, body = stored
    before = api.get(one).json
    time.sleep(0.002)
    after = api.put(one, {**body, "name": "Other"})

    assert after.status == 200 and after.json["_id"] == before["_id"] and after.json["name"] == "Other"
    assert after.json["lastModified"] > before["lastModified"] and api.get(one).json == after.json


@pytest.mark.seed("A43", "A47")
@pytest.mark.parametrize("path", REQUIRED)
def test_a_replace_needs_all_that_a_create_needs(api: Api, stored: tuple[str, dict[str, Any]], path: str) -> None:
    one, body = stored
    before = api.get(one).raw
    reply = api.put(one, without(body, path))

    assert (reply.status, reply.error["code"], reply.error["field"]) == (422, "missing_required_field", path)
    assert api.get(one).raw == before


@pytest.mark.seed("A44")
@pytest.mark.parametrize("path", OPTIONAL)
def test_what_a_replace_leaves_out_is_gone(api: Api, stored: tuple[str, dict[str, Any]], path: str) -> None:
    one, body = stored
    assert inside(api.get(one).json, path)

    assert own(api.put(one, without(body, path)).json) == without(body, path)
    assert inside(api.get(one).json, path) is None


@pytest.mark.seed("A45", "A47")
@pytest.mark.parametrize("path", ["http.status._exportId", "http.result._exportId"])
@pytest.mark.parametrize("id", [NOBODY, "x"])
def test_a_replace_checks_references(api: Api, stored: tuple[str, dict[str, Any]], path: str, id: str) -> None:
    one, body = stored
    before = api.get(one).raw
    reply = api.put(one, with_(body, path, id))

    assert (reply.status, reply.error["code"], reply.error["field"]) == (422, "invalid_ref", path)
    assert api.get(one).raw == before


@pytest.mark.seed("A46")
def test_a_replace_never_creates(api: Api, stored: tuple[str, dict[str, Any]]) -> None:
    one, body = stored
    assert api.put(f"{HELPERS}/{NOBODY}", body).status == 404
    assert api.get(f"{HELPERS}/{NOBODY}").status == 404
    assert api.delete(one).status == 204

    assert api.put(one, body).status == 404 and api.get(one).status == 404
    assert api.get(HELPERS).status == 204


@pytest.mark.seed("A47")
def test_a_replace_with_no_json_changes_nothing(api: Api, stored: tuple[str, dict[str, Any]]) -> None:
    one, _ = stored
    before = api.get(one).raw
    assert {api.put(one, raw).status for raw in (..., b"{", b"")} == {400}

    assert api.get(one).raw == before


@pytest.mark.seed("A48")
@pytest.mark.parametrize(
    ("body", "status"),
    [([{"op": "replace", "path": "/name", "value": "x"}], 422), ([{"op": "add", "path": "/http/result", "value": {}}], 422),
     ([{"op": "remove", "path": "/http/submit/transform"}], 422), ([{"op": "replace", "path": "", "value": {}}], 422),
     ({"name": "x"}, 400), ([{"op": "explode", "path": "/name"}], 400), (["name"], 400), ([], 204)],
)  # fmt: skip
def test_patch_is_answered_and_may_change_nothing(api: Api, stored: tuple[str, dict[str, Any]], body: Any, status: int) -> None:
    one, _ = stored
    before = api.get(one).raw
    reply = api.patch(one, body)

    assert reply.status == status and api.get(one).raw == before
    assert status != 422 or (reply.error["code"], reply.error["field"]) == ("invalid_field", body[0]["path"])
    assert api.patch(f"{HELPERS}/{NOBODY}", body).status == 404
