"""The three phases of an async helper, run in memory by the real engine."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from celigo import Ran, compiled, resources


def api(*states: Any, rows: Any = None, submit: Any = None) -> Any:
    """A job that tells these states, one a poll, and then has rows."""

    def answer(method: str, path: str, query: dict[str, str], n: int) -> tuple[int, Any]:
        if method == "POST":
            return 201, submit or {"id": "j1"}
        if path.endswith("/rows"):
            return 200, rows if rows is not None else [{"n": 1}, {"n": 2}]
        state = states[min(n - 2, len(states) - 1)]
        return 200, state if isinstance(state, dict) else {"state": state}

    return answer


def test_submit_polls_and_result_come_in_this_order() -> None:
    ran = Ran(compiled(resources()), api("RUN", "RUN", "DONE"))

    assert ran.asked == ["POST /jobs", "GET /jobs/j1", "GET /jobs/j1", "GET /jobs/j1", "GET /jobs/j1/rows"]
    assert ran.records == [{"n": 1}, {"n": 2}] and ran.phase == "done"
    assert {w.headers["Authorization"] for w in ran.remote.sent} == {"Bearer s3cret"}
    assert all("s3cret" not in f"{t.url}{t.headers}{t.body}" for t in ran.small.traces)


def test_the_first_poll_waits_the_initial_time_and_every_other_the_poll_time_in_minutes() -> None:
    made = compiled(resources(helper={"status": {"initialWaitTime": 2, "pollWaitTime": 3}}))
    ran = Ran(made, api("RUN", "RUN", "DONE"))

    at = [t.at for t in ran.small.traces if t.step in ("create", "poll")]
    assert [round(b - a) for a, b in pairwise(at)] == [120, 180, 180]
    poll = compiled(resources(helper={"status": {"pollWaitTime": None}})).plan.streams[0].retrieval.poll
    assert poll is not None and (poll.first, poll.waits[0].first, poll.deadline) == (0.0, 60.0, 86400.0)


@pytest.mark.parametrize(("path", "answer", "asked"), [
    ("job.id", {"job": {"id": "a/b"}}, "/jobs/a%2Fb"),
    ("$.job.id", {"job": {"id": 7}}, "/jobs/7"),
    ("$.jobs[?@.kind=='new'].id", {"jobs": [{"kind": "old", "id": 1}, {"kind": "new", "id": 2}]}, "/jobs/2"),
    ("job", {"job": {"id": "x", "kind": "k"}}, "/jobs/x"),
    ("", {"id": "whole"}, "/jobs/whole"),
])  # fmt: skip
def test_resource_path_takes_the_handle_out_of_the_submit_answer(path: str, answer: Any, asked: str) -> None:
    ran = Ran(compiled(resources(helper={"submit": {"resourcePath": path or None}})), api("DONE", submit=answer))

    assert ran.asked[1] == f"GET {asked}" and ran.phase == "done"


def test_a_handle_of_several_fields_fills_the_calls_by_each_way_of_writing_them() -> None:
    made = compiled(resources(
        helper={"submit": {"resourcePath": "job"}},
        status={"relativeURI": "/{{kind}}/{{record.id}}/{{data.kind}}/{{submit.job.id}}/{{connection.http.mediaType}}"}))  # fmt: skip
    ran = Ran(made, api("DONE", submit={"job": {"id": "x", "kind": "k"}}))

    assert ran.asked[1] == "GET /k/x/k/x/json"


def test_a_transform_is_applied_before_the_resource_path() -> None:
    rules = [[{"extract": "deep[0].key", "generate": "job.id"}, {"extract": "nothing", "generate": "job.more"}]]
    submit = {"transform": {"type": "expression", "expression": {"version": "1", "rules": rules}}, "resourcePath": "job.id"}

    ran = Ran(compiled(resources(helper={"submit": submit})), api("DONE", submit={"deep": [{"key": "k9"}]}))

    assert ran.asked[1] == "GET /jobs/k9"
    del submit["resourcePath"]
    ran = Ran(compiled(resources(helper={"submit": {**submit, "resourcePath": None}}, status={"relativeURI": "/jobs/{{record.job.id}}"})),
              api("DONE", submit={"deep": [{"key": "k9"}]}))  # fmt: skip
    assert ran.asked[1] == "GET /jobs/k9"


def test_same_as_status_without_a_request_of_its_own_polls_what_the_status_export_starts() -> None:
    made = compiled(resources(helper={"submit": {"sameAsStatus": True}}, owner={"relativeURI": None, "method": None},
                              status={"relativeURI": "/report"}, result={"relativeURI": "/report/rows"}))  # fmt: skip
    states = iter(["RUN", "DONE"])

    ran = Ran(made, lambda method, path, query, n: (200, [{"n": 1}] if path.endswith("rows") else {"state": next(states)}))

    assert ran.asked == ["GET /report", "GET /report", "GET /report/rows"]


@pytest.mark.parametrize(("first", "asked"), [
    ({"state": "RUN", "id": "j"}, ["POST /jobs", "GET /jobs/j", "GET /jobs/j/rows"]),
    ({"state": "DONE", "id": "j"}, ["POST /jobs", "GET /jobs/j/rows"]),
    ({"state": "NONE", "id": "j"}, ["POST /jobs"]),
])  # fmt: skip
def test_same_as_status_with_a_request_of_its_own_reads_its_answer_like_a_poll(first: Any, asked: list[str]) -> None:
    made = compiled(resources(helper={"submit": {"sameAsStatus": True, "resourcePath": "not.used"}}))

    assert Ran(made, api("DONE", submit=first)).asked == asked


@pytest.mark.parametrize(("path", "resource", "answer"), [
    ("state", "", {"state": "DONE"}),
    ("$.job.state", "", {"job": {"state": "DONE"}}),
    ("$.jobs[?@.id=='j1'].state", "", {"jobs": [{"id": "j0", "state": "RUN"}, {"id": "j1", "state": "DONE"}]}),
    ("state", "job", {"job": {"state": "DONE"}, "state": "ERR"}),
    ("state", "job", {"job": {"other": 1}, "state": "DONE"}),
    ("state", "jobs", {"jobs": [{"state": "DONE"}, {"state": "ERR"}]}),
    ("ready", "", {"ready": True}),
    ("percent", "", {"percent": 100}),
    ("gone", "", {"gone": None}),
])  # fmt: skip
def test_the_status_is_found_by_its_path_and_compared_as_text(path: str, resource: str, answer: Any) -> None:
    values = ["DONE", "true", "100"] + (["null"] if "gone" in answer else [])
    made = compiled(resources(helper={"status": {"statusPath": path, "doneValues": values}},
                              status={"response": {"resourcePath": resource}} if resource else {}))  # fmt: skip

    assert Ran(made, api(answer)).phase == "done"


def test_no_data_ends_without_records_and_without_a_result_call() -> None:
    ran = Ran(compiled(resources()), api("RUN", "NONE"))

    assert (ran.phase, ran.records, len(ran.asked)) == ("skipped", [], 3)


def test_an_error_value_fails_the_run_and_shows_it() -> None:
    ran = Ran(compiled(resources()), api("RUN", "ERR"))

    assert ran.phase == "failed" and "the API said ERR at state, which errorValues names" in ran.said


@pytest.mark.parametrize("lists", [{}, {"errorValues": None, "doneWithoutDataValues": None}])
@pytest.mark.parametrize(("answer", "value"), [({"state": "done"}, "done"), ({"other": 1}, "null"), ({"state": 5}, "5")])
def test_a_value_in_no_list_fails_with_value_path_and_lists(lists: Any, answer: Any, value: str) -> None:
    ran = Ran(compiled(resources(helper={"status": lists})), api("RUN", answer))

    assert ran.phase == "failed" and len(ran.asked) == 3
    assert f'the API said {value} at state, which no list names: inProgressValues ["RUN"], doneValues ["DONE"]' in ran.said


@pytest.mark.parametrize(("lists", "phase"), [
    ({"errorValues": ["X"], "doneWithoutDataValues": ["X"], "doneValues": ["X"], "inProgressValues": ["X"]}, "failed"),
    ({"errorValues": [], "doneWithoutDataValues": ["X"], "doneValues": ["X"], "inProgressValues": ["X"]}, "skipped"),
    ({"errorValues": [], "doneWithoutDataValues": [], "doneValues": ["X"], "inProgressValues": ["X"]}, "done"),
])  # fmt: skip
def test_a_value_in_two_lists_is_error_before_no_data_before_done(lists: Any, phase: str) -> None:
    assert Ran(compiled(resources(helper={"status": lists})), api("X")).phase == phase


@pytest.mark.parametrize("result", [None, {"_exportId": None}])
@pytest.mark.parametrize(
    ("owner", "status"), [({"response": {"resourcePath": "rows"}}, {}), ({}, {"response": {"resourcePath": "rows"}})]
)
def test_without_a_result_export_the_last_status_answer_is_the_result(result: Any, owner: Any, status: Any) -> None:
    ran = Ran(
        compiled(resources(helper={"result": result}, owner=owner, status=status)),
        api({"state": "DONE", "rows": [{"n": 1}, {"n": 2}]}),
    )

    assert (ran.records, len(ran.asked)) == ([{"n": 1}, {"n": 2}], 2)


def test_the_status_export_defines_the_whole_poll_call() -> None:
    made = compiled(resources(
        connection={"headers": [{"name": "X-A", "value": "connection"}, {"name": "X-B", "value": "{{connection.http.unencrypted.b}}"}],
                    "unencrypted": {"b": "plain"}},
        status={"method": "PUT", "relativeURI": "?job={{{record.id}}}", "headers": [{"name": "x-a", "value": "export"}],
                "body": '{"id": "{{record}}", "raw": {{{jsonSerialize submit}}}}'}))  # fmt: skip
    ran = Ran(made, api("DONE", submit={"id": 'q"\n'}))

    wire = ran.remote.sent[1]
    assert ran.asked[1].startswith("PUT ?job=q") and wire.headers["x-a"] == "export" and "X-A" not in wire.headers
    assert wire.headers["X-B"] == "plain" and wire.headers["Content-Type"] == "application/json"
    assert wire.body == b'{"id": "q\\"\\n", "raw": {"id":"q\\"\\n"}}'


def test_a_result_sees_the_last_status_over_the_handle() -> None:
    made = compiled(
        resources(
            status={"response": {"resourcePath": "job"}},
            result={"relativeURI": "/d/{{record.document}}/{{record.id}}/{{status.document}}"},
        )
    )

    ran = Ran(made, api({"job": {"state": "DONE", "document": "d7"}}))

    assert ran.asked[-1] == "GET /d/d7/j1/d7"


def test_transform_and_filter_of_the_result_run_before_the_owners() -> None:
    mapping = {"type": "expression", "expression": {"version": "1", "rules": [[{"extract": "a.n", "generate": "n"}]]}}
    more = {"type": "expression", "expression": {"version": "1", "rules": ["greaterthan", ["number", ["extract", "n"]], 1]}}
    made = compiled(resources(result={"transform": mapping}, owner={"filter": more}))

    ran = Ran(made, api("DONE", rows=[{"a": {"n": 1}, "x": 0}, {"a": {"n": 2}}, {"a": {"n": "3"}}]))

    assert ran.records == [{"n": 2}, {"n": "3"}]


@pytest.mark.parametrize(("response", "body", "phase", "said"), [
    ({"failPath": "ok", "failValues": ["false"], "errorPath": "error.text"}, {"ok": False, "error": {"text": "no right"}}, "failed", "no right"),
    ({"successPath": "ok", "successValues": ["true"]}, {"ok": False}, "failed", "ok does not tell success"),
    ({"successPath": "ok"}, {"ok": True, "id": "j"}, "done", ""),
    ({"failPath": "error"}, {"id": "j"}, "done", ""),
])  # fmt: skip
def test_the_body_may_tell_success(response: Any, body: Any, phase: str, said: str) -> None:
    ran = Ran(compiled(resources(owner={"response": response})), api("DONE", submit=body))

    assert ran.phase == phase and said in ran.said
