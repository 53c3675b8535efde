"""Each fault really happens on the wire, and is counted."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Callable

import msgspec
import pytest
from lxml import etree

from jobstream.errors import UsageError
from jobstream.testing.practice import KINDS, Fault, PracticeServer, parse_fault
from jobstream.testing.practice.config import config_from
from practice_client import EXPORTS, create, downloaded, export, links, made, poll, rows_of
from practice_fixtures import StartPractice, practice
from raw_http import KEY, Heard, ask

__all__ = ["practice"]

Check = Callable[[PracticeServer], None]
CHECKS: dict[str, Check] = {}


def shows(*names: str) -> Callable[[Check], Check]:
    """Registers a check of a fault; the server has two files of 100 rows, and jobs that are ready at once."""

    def keep(check: Check) -> Check:
        CHECKS.update(dict.fromkeys(names, check))
        return check

    return keep


@shows("latency")
def latency(api: PracticeServer) -> None:
    api.set_faults("latency=0.1,on=poll")
    begun = time.monotonic()
    poll(api, made(api))
    assert time.monotonic() - begun >= 0.1
    assert api.report().faults == {"latency": 1}


@shows("hang")
def hang(api: PracticeServer) -> None:
    id = made(api)
    api.set_faults("hang")
    assert ask(f"{api.url}{EXPORTS}/{id}", headers=KEY, patience=0.1).end == "open"
    assert poll(api, id).status == 200


@shows("drop")
def drop(api: PracticeServer) -> None:
    api.set_faults("drop,on=create")
    assert create(api) == Heard(end="short")
    assert api.report().n_jobs == 0
    assert create(api).status == 202


@shows("429")
def too_many(api: PracticeServer) -> None:
    id = made(api)
    [url, _] = links(api, id)
    api.set_faults("429=7,every=2")
    answers = [create(api), create(api), poll(api, id), poll(api, id), ask(url), ask(url)]
    assert [a.status for a in answers] == [202, 429, 200, 429, 200, 429]
    assert answers[1].headers["retry-after"] == "7"
    assert api.report().early == 2  # the second and third question about the first job, after its first 429


@shows("rate-limit")
def rate_limit(api: PracticeServer) -> None:
    id = made(api)
    api.set_faults("rate-limit=1")
    answers = [poll(api, id) for _ in range(20)]
    refused = [a for a in answers if a.status == 429]
    assert len(refused) >= 8 and refused[0].headers["retry-after"] == "1"


@shows("5xx")
def server_error(api: PracticeServer) -> None:
    api.set_faults("5xx=502")
    assert [create(api).status for _ in range(4)] == [502, 502, 202, 202]
    api.set_faults("5xx=410,on=poll,times=1")
    assert poll(api, made(api)).status == 410


@shows("redirect")
def redirect(api: PracticeServer) -> None:
    api.set_faults("redirect=307")
    id = made(api)
    away = poll(api, id)
    assert away.status == 307 and away.headers["location"].startswith(api.elsewhere_url)
    there = ask(away.headers["location"])
    assert there.json()["id"] == id
    [url, _] = there.json()["urls"]
    moved = ask(url)
    assert moved.headers["location"].startswith(api.elsewhere_url)
    assert rows_of(gzip.decompress(ask(moved.headers["location"]).body))
    assert ask(away.headers["location"], headers=KEY).status == 400
    assert len(api.report().misplaced) == 1


@shows("redirect-loop")
def redirect_loop(api: PracticeServer) -> None:
    api.set_faults("redirect-loop")
    away = poll(api, made(api))
    assert (away.status, away.headers["location"].startswith(EXPORTS)) == (302, True)


@shows("lost-create")
def lost_create(api: PracticeServer) -> None:
    api.set_faults("lost-create,times=2")
    assert [create(api).end for _ in range(3)] == ["reset", "reset", "whole"]
    assert api.report().n_jobs == 3


@shows("busy")
def busy(api: PracticeServer) -> None:
    api.reset({"job_seconds": 100, "faults": ["busy"]})
    id = made(api)
    refused = create(api)
    assert (refused.status, refused.json()["id"]) == (409, id)
    ask(f"{api.url}{EXPORTS}/{id}/cancel", "POST", KEY)
    assert create(api).status == 202


@shows("no-id")
def no_id(api: PracticeServer) -> None:
    api.set_faults("no-id")
    assert (create(api).json(), api.report().n_jobs) == ({}, 1)


@shows("malformed-json")
def malformed_json(api: PracticeServer) -> None:
    id = made(api)
    api.set_faults("malformed-json,times=2")
    for answer in (create(api), poll(api, id)):
        assert answer.status < 300 and answer.end == "whole"
        with pytest.raises(msgspec.DecodeError):
            answer.json()
    assert poll(api, id).json()["status"] == "ready"


@shows("xml")
def xml(api: PracticeServer) -> None:
    api.set_faults("xml")
    id = etree.fromstring(create(api).body).findtext("id")
    assert id
    document = etree.fromstring(poll(api, id).body)
    assert document.findtext("status") == "ready" and len(document.findall("urls/url")) == 2


@shows("login-page")
def login_page(api: PracticeServer) -> None:
    api.set_faults("login-page")
    first, second = (ask(export(api)[0]) for _ in range(2))
    assert first.status == 200 and first.headers["content-type"].startswith("text/html") and b"Sign in" in first.body
    assert gzip.decompress(second.body)


@shows("status-document", "error-json")
def other_documents(api: PracticeServer) -> None:
    api.set_faults("status-document", "error-json")
    answers = [ask(export(api)[0]) for _ in range(3)]
    assert [set(a.json()) for a in answers[:2]] == [{"status", "message"}, {"errors"}]
    assert [a.status for a in answers] == [200] * 3


@shows("no-urls")
def no_urls(api: PracticeServer) -> None:
    api.set_faults("no-urls,times=1")
    id = made(api)
    assert [(a["status"], len(a["urls"])) for a in (poll(api, id).json(), poll(api, id).json())] == [("ready", 0), ("ready", 2)]


@shows("retry-after")
def retry_after(api: PracticeServer) -> None:
    api.reset({"job_seconds": 1000, "faults": ["retry-after=60"]})
    id = made(api)
    assert [poll(api, id).headers["retry-after"] for _ in range(2)] == ["60", "60"]
    api.finish()
    assert "retry-after" not in poll(api, id).headers
    assert api.report().jobs[0].early == 2


@shows("unknown-status")
def unknown_status(api: PracticeServer) -> None:
    api.set_faults("unknown-status=paused,times=1")
    id = made(api)
    assert [poll(api, id).json()["status"] for _ in range(2)] == ["paused", "ready"]


@shows("content-type", "no-content-type")
def content_type(api: PracticeServer) -> None:
    api.set_faults("content-type=image/png,times=1", "no-content-type,after=1")
    [url, _] = export(api)
    assert ask(url).headers["content-type"] == "image/png"
    assert "content-type" not in ask(url).headers


@shows("duration")
def duration(api: PracticeServer) -> None:
    api.set_faults("duration=50,jitter=10,job=1")
    first, second = made(api), made(api)
    [one, two] = api.report().jobs
    assert (one.id, two.id) == (first, second)
    assert one.done_at is not None
    assert 50 <= one.done_at - one.made <= 60 and two.done_at == two.made


@shows("vanished")
def vanished(api: PracticeServer) -> None:
    api.set_faults("vanished=2,times=1")
    id = made(api)
    assert [poll(api, id).status for _ in range(4)] == [200, 200, 404, 404]
    assert poll(api, made(api)).status == 200


@shows("failed-once")
def failed_once(api: PracticeServer) -> None:
    api.set_faults("failed-once")
    assert [poll(api, made(api)).json()["status"] for _ in range(2)] == ["failed", "ready"]


@shows("failed", "timed-out")
def ends_badly(api: PracticeServer) -> None:
    api.set_faults("failed,times=1", "timed-out,after=1")
    assert [poll(api, made(api)).json()["status"] for _ in range(3)] == ["failed", "timeout", "timeout"]


@shows("never-done")
def never_done(api: PracticeServer) -> None:
    api.set_faults("never-done,job=1")
    ids = [made(api), made(api)]
    api.finish()
    assert [poll(api, id).json()["status"] for id in ids] == ["pending", "ready"]
    assert api.report().jobs[0].done_at is None


@shows("link-expires")
def link_expires(api: PracticeServer) -> None:
    api.set_faults("link-expires=0,times=2")
    id = made(api)
    old, fresh = links(api, id), links(api, id)
    assert [ask(url).status for url in old] == [403, 403]
    assert b"expired" in ask(old[0]).body
    assert downloaded(api, fresh) == list(api.expected_rows())
    assert api.report().bad_links == 3


@shows("link-uses")
def link_uses(api: PracticeServer) -> None:
    api.set_faults("link-uses=2,file=0")
    [used, free] = export(api)
    assert [ask(used).status for _ in range(3)] == [200, 200, 403]
    assert [ask(free).status for _ in range(3)] == [200] * 3


@shows("reset")
def reset(api: PracticeServer) -> None:
    api.set_faults("reset=500,per=file")
    [one, two] = export(api)
    first = ask(one)
    assert (first.status, first.end, len(first.body)) == (200, "reset", 500)
    assert int(first.headers["content-length"]) > 500
    rest = ask(one, headers={"Range": "bytes=500-", "If-Range": first.headers["etag"]})
    assert (rest.status, rest.end) == (206, "whole")
    assert rows_of(gzip.decompress(first.body + rest.body)) == list(api.expected_rows())[:100]
    assert ask(two).end == "reset"
    assert api.report().jobs[0].files[0].is_whole


@shows("short-body")
def short_body(api: PracticeServer) -> None:
    api.set_faults("short-body=33")
    [url, _] = export(api)
    short, whole = ask(url), ask(url)
    assert (short.end, whole.end) == ("short", "whole")
    assert short.body == whole.body[:-33] and short.headers["content-length"] == whole.headers["content-length"]


@shows("slow-drip")
def slow_drip(api: PracticeServer) -> None:
    api.set_faults("slow-drip=40000")
    [url, _] = export(api)
    begun = time.monotonic()
    answer = ask(url)
    took = time.monotonic() - begun
    assert answer.end == "whole" and took >= len(answer.body) / 40_000 * 0.9


@shows("chunked")
def chunked(api: PracticeServer) -> None:
    api.set_faults("chunked", "short-body=20,after=1")
    [url, _] = export(api)
    whole, cut = ask(url), ask(url)
    assert whole.headers["transfer-encoding"] == "chunked" and "content-length" not in whole.headers
    assert (whole.end, cut.end) == ("whole", "short")
    assert rows_of(gzip.decompress(whole.body)) == list(api.expected_rows())[:100]


@shows("until-close")
def until_close(api: PracticeServer) -> None:
    api.set_faults("until-close")
    answer = ask(export(api)[0])
    assert not {"content-length", "transfer-encoding"} & set(answer.headers)
    assert rows_of(gzip.decompress(answer.body)) == list(api.expected_rows())[:100]


@shows("content-encoding")
def content_encoding(api: PracticeServer) -> None:
    api.set_faults("content-encoding")
    answer = ask(export(api)[0], headers={"Range": "bytes=5-"})
    assert (answer.status, answer.headers["content-encoding"]) == (200, "gzip")
    assert rows_of(gzip.decompress(gzip.decompress(answer.body))) == list(api.expected_rows())[:100]


@shows("no-ranges")
def no_ranges(api: PracticeServer) -> None:
    api.set_faults("no-ranges")
    answer = ask(export(api)[0], headers={"Range": "bytes=5-"})
    assert answer.status == 200 and not {"etag", "accept-ranges", "content-range"} & set(answer.headers)
    assert gzip.decompress(answer.body)


@shows("cut-gzip")
def cut_gzip(api: PracticeServer) -> None:
    [url, _] = export(api)
    whole = ask(url)
    for fault, missing in (("cut-gzip=4", 4), ("cut-gzip", len(whole.body) // 2)):
        api.set_faults(fault)
        cut = ask(url)
        assert cut.end == "whole" and cut.body == whole.body[:-missing] and cut.headers["etag"] != whole.headers["etag"]
        with pytest.raises(EOFError):
            gzip.decompress(cut.body)


@shows("corrupt-gzip")
def corrupt_gzip(api: PracticeServer) -> None:
    api.set_faults("corrupt-gzip")
    answer = ask(export(api)[0])
    assert answer.end == "whole"
    with pytest.raises((gzip.BadGzipFile, zlib.error, EOFError)):
        gzip.decompress(answer.body)


@shows("two-members")
def two_members(api: PracticeServer) -> None:
    api.set_faults("two-members")
    body = ask(export(api)[0]).body
    one = zlib.decompressobj(31)
    first = one.decompress(body)
    assert one.unused_data.startswith(b"\x1f\x8b")
    assert rows_of(first + gzip.decompress(one.unused_data)) == list(api.expected_rows())[:100]


@shows("double-gzip")
def double_gzip(api: PracticeServer) -> None:
    api.set_faults("double-gzip")
    assert rows_of(gzip.decompress(gzip.decompress(ask(export(api)[0]).body))) == list(api.expected_rows())[:100]


@shows("changed-file")
def changed_file(api: PracticeServer) -> None:
    api.set_faults("changed-file,after=1")
    [url, _] = export(api)
    first = ask(url)
    second = ask(url, headers={"Range": "bytes=5-", "If-Range": first.headers["etag"]})
    assert second.status == 200 and second.headers["etag"] != first.headers["etag"]
    assert gzip.decompress(first.body) == gzip.decompress(second.body) and first.body != second.body


@pytest.mark.parametrize("name", [k.name for k in KINDS.values() if k.where != "data"])
def test_a_fault_happens_on_the_wire(practice: StartPractice, name: str) -> None:
    api = practice(job_seconds=0, files=2)
    CHECKS[name](api)
    assert api.report().faults[name] >= 1


@shows("no-if-range", "wrong-range")
def odd_ranges(api: PracticeServer) -> None:
    api.set_faults("changed-file,after=1", "no-if-range,times=1", "wrong-range,after=1")
    [url, _] = export(api)
    first = ask(url)
    mixed = ask(url, headers={"Range": "bytes=5-", "If-Range": first.headers["etag"]})
    assert mixed.status == 206 and mixed.headers["etag"] != first.headers["etag"]
    wrong = ask(url, headers={"Range": "bytes=500-"})
    assert wrong.status == 206 and wrong.headers["content-range"].startswith("bytes 0-")


def test_a_fault_can_be_for_one_job_one_file_and_some_requests(practice: StartPractice) -> None:
    api = practice(job_seconds=0, files=2, faults=["login-page,job=2,file=1,after=1,times=1"])
    jobs = [export(api), export(api)]
    seen = [[b"Sign in" in ask(url).body for _ in range(3)] for urls in jobs for url in urls]
    assert seen == [[False] * 3] * 3 + [[False, True, False]]


def test_faults_of_one_name_are_counted_for_themselves(practice: StartPractice) -> None:
    api = practice(job_seconds=0, faults=["5xx=500,on=create,times=1", "5xx=504,on=poll,times=1"])
    first = create(api)
    id = made(api)
    assert (first.status, poll(api, id).status, poll(api, id).status) == (500, 504, 200)


def test_a_fault_may_be_counted_for_each_route(practice: StartPractice) -> None:
    api = practice(job_seconds=0, files=2, faults=["5xx=500,times=1,per=route"])
    assert [create(api).status for _ in range(2)] == [500, 202]
    id = made(api)
    assert [poll(api, id).status for _ in range(2)] == [500, 200]
    assert [ask(url).status for url in links(api, id)] == [500, 200]


def test_a_login_page_may_stand_in_the_place_of_any_answer(practice: StartPractice) -> None:
    api = practice(job_seconds=0, faults=["login-page,on=create", "status-document,on=poll"])
    assert b"Sign in" in create(api).body
    assert api.report().n_jobs == 1
    assert "message" in poll(api, made(api)).json()


def test_resetting_starts_anew(practice: StartPractice) -> None:
    api = practice(job_seconds=0, faults=["drop,on=create"])
    create(api)
    id = made(api)
    api.reset()
    assert api.report().n_jobs == 0 and api.report().faults == {}
    assert poll(api, id).status == 404
    assert create(api).end == "short"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("429=2,every=5,on=create+poll", Fault(name="429", value=2, every=5, on=("create", "poll"))),
        ("5xx=500,times=always", Fault(name="5xx", value=500, times=0)),
        ("unknown-status=so odd", Fault(name="unknown-status", value="so odd")),
        ("latency=.5,jitter=1", Fault(name="latency", value=0.5, jitter=1)),
        ("reset=4000,times=1,per=file,file=0", Fault(name="reset", value=4000, times=1, per="file", file=0)),
    ],
)
def test_a_fault_as_text(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rest=5", "is 'reset' meant"),
        ("reset=soon", "is no number"),
        ("reset,never=1", "never"),
        ("reset,every=0", "every is at least 1"),
        ("reset,on=somewhere", "somewhere"),
        ("unknown-status,per=week", "week"),
    ],
)
def test_a_wrong_fault_is_told(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_fault(text)


def test_a_script_may_be_a_list_or_settings() -> None:
    assert config_from(["failed", {"name": "reset", "value": 3}]).faults == (Fault(name="failed"), Fault(name="reset", value=3))
    both = config_from({"rows": 5, "files": 2, "faults": ["failed"]}, rows=6, faults=["bom"])
    assert (both.rows, both.files, [f.name for f in both.faults]) == (6, 2, ["failed", "bom"])
    for wrong in ({"rowz": 1}, {"rows": "many"}, {"create": "never"}):
        with pytest.raises(UsageError):
            config_from(wrong)


def test_the_control_address_tells_mistakes(practice: StartPractice) -> None:
    api = practice()
    answer = ask(f"{api.url}/_practice/faults", "POST", body=b'["rezet"]')
    assert answer.status == 400 and "reset" in answer.json()["error"]
    assert ask(f"{api.url}/_practice/faults", "POST", body=b"{").status == 400
    assert ask(f"{api.url}/_practice/reset", "POST", body=b'{"rows": "x"}').status == 400
    assert ask(f"{api.url}/_practice/nothing").status == 404
    ask(f"{api.url}/_practice/faults", "POST", body=b'["failed"]')
    ask(f"{api.url}/_practice/faults?add=1", "POST", body=b'{"faults": ["bom"]}')
    assert [f["name"] for f in ask(f"{api.url}/_practice/faults").json()["faults"]] == ["failed", "bom"]
