"""What comes in pages, what is its own job, and tokens."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from jobstream.testing.practice import PracticeServer
from practice_fixtures import StartPractice, practice
from raw_http import KEY, ask

__all__ = ["practice"]


def report(api: PracticeServer, body: bytes = b"{}") -> str:
    answer = ask(f"{api.url}/v1/reports", "POST", KEY, body)
    assert answer.status == 201
    id: str = answer.json()["id"]
    return id


def rows_by_cursor(api: PracticeServer, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = ask(f"{api.url}{path}?limit=7" + (f"&cursor={cursor}" if cursor else ""), headers=KEY).json()
        found += answer["items"]
        if not (cursor := answer["next"]):
            return found


def test_a_report_is_read_in_pages(practice: StartPractice) -> None:
    api = practice(job_seconds=0, files=2, rows=10)
    id = report(api, b'{"part": "eu"}')
    state = ask(f"{api.url}/v1/reports/{id}", headers=KEY).json()
    assert (state["state"], state["rows"]) == ("done", 20)
    assert rows_by_cursor(api, f"/v1/reports/{id}/rows") == list(api.expected_rows("eu"))
    [job] = api.report().jobs
    assert (job.family, job.lag is not None) == ("reports", True)


def test_a_report_that_runs_has_no_rows(practice: StartPractice) -> None:
    api = practice(job_seconds=100)
    id = report(api)
    assert ask(f"{api.url}/v1/reports/{id}", headers=KEY).json()["state"] == "running"
    assert ask(f"{api.url}/v1/reports/{id}/rows", headers=KEY).status == 409
    assert ask(f"{api.url}/v1/reports/{id}/rows").status == 401
    assert ask(f"{api.url}/v1/reports/unknown/rows", headers=KEY).status == 404


def test_the_plain_list_pages_by_cursor_page_and_offset(practice: StartPractice) -> None:
    api = practice(files=1, rows=20)
    rows = list(api.expected_rows())
    assert rows_by_cursor(api, "/v1/contacts") == rows
    for query, piece in (("limit=6&page=2", rows[6:12]), ("limit=6&offset=18", rows[18:]), ("limit=5&offset=50", [])):
        answer = ask(f"{api.url}/v1/contacts?{query}", headers=KEY)
        assert answer.json()["items"] == piece and answer.headers["x-total"] == "20"
    assert ask(f"{api.url}/v1/contacts?limit=x", headers=KEY).status == 400


def test_the_next_page_stands_in_headers_too(practice: StartPractice) -> None:
    api = practice(files=1, rows=8)
    first = ask(f"{api.url}/v1/contacts?limit=5&part=eu", headers=KEY)
    link = first.headers["link"].removeprefix("<").partition(">")[0]
    last = ask(link, headers=KEY)
    assert first.json()["items"] + last.json()["items"] == list(api.expected_rows("eu"))
    assert first.headers["x-next-cursor"] == "c5" and "x-next-cursor" not in last.headers and "link" not in last.headers


def test_one_address_starts_and_answers(practice: StartPractice) -> None:
    api = practice(job_seconds=1000, files=1, rows=3)
    url = f"{api.url}/v1/statistics?part=eu"
    first = ask(url, headers=KEY)
    assert (first.status, first.headers["retry-after"]) == (202, "1")
    assert ask(url, headers=KEY).status == 202
    assert api.report().n_jobs == 1
    api.finish()
    done = ask(url, headers=KEY)
    assert (done.status, done.json()["items"]) == (200, list(api.expected_rows("eu")))
    api.set_faults("failed", "duration=0")
    assert ask(f"{api.url}/v1/statistics?part=uk", headers=KEY).status == 422


def token(api: PracticeServer, body: str, **headers: str) -> Any:
    return ask(f"{api.url}/oauth/token", "POST", headers, body.encode())


CLIENT = "client_id=practice&client_secret=practice-secret"


def test_a_token_opens_the_api_until_it_expires(practice: StartPractice) -> None:
    api = practice(token_seconds=1000)
    answer = token(api, f"grant_type=client_credentials&{CLIENT}")
    assert (answer.status, answer.json()["expires_in"], answer.headers["cache-control"]) == (200, 1000, "no-store")
    held = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert ask(f"{api.url}/v1/contacts", headers=held).status == 200
    api.reset({"token_seconds": 0})
    late = {"Authorization": f"Bearer {token(api, f'grant_type=client_credentials&{CLIENT}').json()['access_token']}"}
    assert ask(f"{api.url}/v1/contacts", headers=late).status == 401


def test_a_refresh_token_works_once(practice: StartPractice) -> None:
    api = practice()
    asked = f"grant_type=refresh_token&refresh_token=practice-refresh&{CLIENT}"
    first = token(api, asked).json()
    assert first["refresh_token"] != "practice-refresh"
    again = token(api, asked)
    assert (again.status, again.json()) == (400, {"error": "invalid_grant"})
    second = token(api, asked.replace("practice-refresh", first["refresh_token"], 1)).json()
    assert second["refresh_token"] not in ("practice-refresh", first["refresh_token"])
    assert token(api, asked.replace("practice-refresh", "never-given")).status == 400
    report = api.report()
    assert (report.tokens, report.refresh_reuse) == (2, 1)


@pytest.mark.parametrize("how", ["basic", "json"])
def test_the_client_may_show_itself_otherwise(practice: StartPractice, how: str) -> None:
    api = practice()
    if how == "basic":
        basic = base64.b64encode(b"practice:practice-secret").decode()
        answer = token(api, "grant_type=client_credentials", Authorization=f"Basic {basic}")
    else:
        answer = token(api, '{"grant_type": "client_credentials", "client_id": "practice", "client_secret": "practice-secret"}')
    assert answer.status == 200


def test_a_stranger_gets_no_token(practice: StartPractice) -> None:
    api = practice()
    assert token(api, "grant_type=client_credentials&client_id=practice&client_secret=x").status == 401
    assert token(api, "grant_type=client_credentials", Authorization="Basic !!").status == 401
    assert token(api, f"grant_type=password&{CLIENT}").json() == {"error": "unsupported_grant_type"}
    assert api.report().refused == 2
