"""The export as SendGrid has it, its four ways to create, and what undoes a job."""

from __future__ import annotations

import pytest

from jobstream.testing.practice import PracticeServer
from practice_client import EXPORTS, create, downloaded, export, links, made, poll
from practice_fixtures import StartPractice, practice
from raw_http import KEY, ask

__all__ = ["practice"]


def test_a_job_goes_from_created_to_its_rows(practice: StartPractice) -> None:
    api = practice(job_seconds=1000, files=2, rows=7)
    answer = create(api)
    assert (answer.status, answer.headers["content-type"]) == (202, "application/json")
    id = answer.json()["id"]

    first = poll(api, id).json()
    assert first["status"] == "pending" and "urls" not in first
    api.finish()
    last = poll(api, id).json()

    assert len(last["urls"]) == 2 and last["contact_count"] == 14
    assert all(u.startswith(api.files_url) and "X-Amz-Signature=" in u for u in last["urls"])
    assert downloaded(api, last["urls"]) == list(api.expected_rows())
    seen = api.report().jobs[0]
    assert seen.lag is not None and seen.lag > 0
    assert len(seen.polls) == 2 and seen.polls[0] <= seen.polls[1]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_the_key_nothing_is_answered(practice: StartPractice, method: str) -> None:
    api = practice()
    path = EXPORTS if method == "POST" else f"{EXPORTS}/x"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic SG.practice"}):
        assert ask(api.url + path, method, headers).status == 401
    assert api.report().refused == 3
    assert api.report().n_jobs == 0


def test_the_files_want_no_authorization(practice: StartPractice) -> None:
    api = practice(job_seconds=0, files=1)
    [url] = export(api)
    assert ask(url, headers=KEY).status == 400
    assert ask(url).status == 200
    [line] = api.report().misplaced
    assert line.endswith(".csv.gz Authorization")


@pytest.mark.parametrize("headers", [{"X-Api-Key": "SG.practice"}, {"X-Other": "see SG.practice"}, {"Cookie": "a=b"}])
def test_a_credential_in_any_header_is_seen_on_the_files_host(practice: StartPractice, headers: dict[str, str]) -> None:
    api = practice(job_seconds=0, files=1)
    [url] = export(api)
    ask(url, headers=headers)
    assert len(api.report().misplaced) == 1


def test_a_key_gives_the_same_job_where_it_is_honoured(practice: StartPractice) -> None:
    api = practice()
    ids = {create(api, path=f"/keyed{EXPORTS}", Idempotency_Key="k1").json()["id"] for _ in range(3)}
    assert len(ids) == 1
    assert create(api, path=f"/keyed{EXPORTS}", Idempotency_Key="k2").json()["id"] not in ids
    report = api.report()
    assert (report.n_jobs, report.reused, report.duplicates_by_key) == (2, 2, {})


def test_a_key_that_is_not_honoured_makes_duplicates_that_are_counted(practice: StartPractice) -> None:
    api = practice(create="bare")
    for _ in range(3):
        create(api, Idempotency_Key="k1")
    assert api.report().duplicates_by_key == {"k1": 2}


def test_the_list_lags(practice: StartPractice) -> None:
    api = practice(create="listed", list_lag=1000)
    id = create(api, b'{"client_ref": "ours"}').json()["id"]
    assert ask(f"{api.url}{EXPORTS}?client_ref=ours", headers=KEY).json()["result"] == []
    assert poll(api, id).status == 200


def test_the_list_knows_jobs_by_what_the_client_calls_them(practice: StartPractice) -> None:
    api = practice(create="listed", list_lag=0)
    ids = [create(api, b'{"client_ref": "%b"}' % ref).json()["id"] for ref in (b"a", b"b", b"a")]
    found = ask(f"{api.url}{EXPORTS}?client_ref=a", headers=KEY).json()["result"]
    assert [j["id"] for j in found] == [ids[2], ids[0]]
    assert len(ask(api.url + EXPORTS, headers=KEY).json()["result"]) == 3
    assert api.report().duplicates_by_ref == {"a": 1}


def test_only_the_listed_way_has_a_list(practice: StartPractice) -> None:
    api = practice(create="bare")
    assert ask(api.url + EXPORTS, headers=KEY).status == 404
    assert ask(f"{api.url}/listed{EXPORTS}", headers=KEY).status == 200


def test_the_losing_way_makes_the_job_and_loses_the_first_answer(practice: StartPractice) -> None:
    api = practice(create="losing")
    assert create(api).end == "reset"
    assert api.report().n_jobs == 1
    assert create(api).status == 202
    assert create(api, b'{"part": "other"}').end == "reset"
    report = api.report()
    assert (report.n_jobs, report.faults) == (3, {"lost-create": 2})


def test_a_cancelled_job_says_so_and_stays(practice: StartPractice) -> None:
    api = practice(job_seconds=100)
    id = made(api)
    assert ask(f"{api.url}{EXPORTS}/{id}/cancel", "POST", KEY).json()["status"] == "cancelled"
    assert poll(api, id).json()["status"] == "cancelled"
    report = api.report()
    assert report.cancels == 1 and report.jobs[0].cancelled_at is not None


def test_what_is_done_cannot_be_cancelled(practice: StartPractice) -> None:
    api = practice(job_seconds=0)
    assert ask(f"{api.url}{EXPORTS}/{made(api)}/cancel", "POST", KEY).status == 409


def test_a_deleted_job_is_gone_with_its_files(practice: StartPractice) -> None:
    api = practice(job_seconds=0, files=1)
    id = made(api)
    [url] = links(api, id)
    assert ask(f"{api.url}{EXPORTS}/{id}", "DELETE", KEY).status == 204
    assert (poll(api, id).status, ask(url).status) == (404, 404)
    assert api.report().deletes == 1


def test_what_a_create_asks_for_chooses_the_rows(practice: StartPractice) -> None:
    api = practice(job_seconds=0, files=1, rows=3)
    asked = [b"", b'{"list_ids": ["x", "y"]}', b'{"part": "eu"}']
    rows = [downloaded(api, export(api, body)) for body in asked]
    assert rows == [list(api.expected_rows(part)) for part in ("", "x,y", "eu")]
    assert len({r[0]["CONTACT_ID"] for r in rows}) == 3
    assert [j.part for j in api.report().jobs] == ["", "x,y", "eu"]


def test_time_scale_makes_long_jobs_short() -> None:
    with PracticeServer(job_seconds=60, time_scale=0.001) as api:
        made(api)
        [job] = api.report().jobs
        assert job.done_at is not None
        assert job.done_at - job.made == pytest.approx(0.06)
