"""What was told of the bytes is checked; what goes over the wire is what the plan says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import Callable
from typing import Any, cast

import pytest
from msgspec import structs

from jobstream.engine.answers import coding_of, inflated
from jobstream.engine.ranges import digest_differs, mark_of, spelled_digest, told_digest, total_of
from jobstream.engine.render import RenderFault, render, sendable
from jobstream.jobs.job import Job
from jobstream.kinds import Wire
from jobstream.plan.exchange import Body, Name, Request
from jobstream.plan.retrieval import Expect
from jobstream.plan.source import SourcePlan
from jobstream.template.language import Scope
from jobstream.testing.destinations import Keyed
from jobstream.testing.fake_api import FakeApi, Reply
from jobstream.testing.small import language_of
from jobstream.testing.world import Shape, World

HANDLEBARS = language_of(SourcePlan(name="x", streams=(), language="handlebars"))
RAW = b"the bytes"


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize(("spelled", "algorithm"), [
    (hashlib.md5(RAW).hexdigest(), "md5"), (b64(hashlib.md5(RAW).digest()), "md5"),
    ("sha256:" + hashlib.sha256(RAW).hexdigest(), "sha256"), ("sha-256=" + b64(hashlib.sha256(RAW).digest()), "sha256"),
    (hashlib.sha1(RAW).hexdigest().upper(), "sha1"), (hashlib.sha512(RAW).hexdigest(), "sha512"),
    ("blake2b:" + hashlib.blake2b(RAW, digest_size=32).hexdigest(), "blake2b"), ("sha-256=:" + b64(hashlib.sha256(RAW).digest()) + ":", "sha256"),
])  # fmt: skip
def test_digests_as_apis_spell_them(spelled: str, algorithm: str) -> None:
    told = spelled_digest(spelled)
    assert told.partition(":")[0] == algorithm
    assert not digest_differs(io.BytesIO(RAW), told) and digest_differs(io.BytesIO(RAW + b"!"), told)


@pytest.mark.parametrize("text", ["", "crc32c:AAAAAA==", "no digest", "zz", 'W/"etag"'])
def test_what_is_no_digest_that_we_know_is_not_checked(text: str) -> None:
    assert spelled_digest(text) == ""


def test_digests_in_headers() -> None:
    sha, md5 = b64(hashlib.sha256(RAW).digest()), b64(hashlib.md5(RAW).digest())
    assert told_digest({"repr-digest": f"unknown=:xx:, sha-256=:{sha}:"}) == "sha256:" + hashlib.sha256(RAW).hexdigest()
    assert told_digest({"digest": f"md5={md5}"}) == told_digest({"content-md5": md5}) == "md5:" + hashlib.md5(RAW).hexdigest()
    assert told_digest({"content-md5": "short"}) == told_digest({}) == ""
    assert total_of({"content-range": "bytes 3-8/9"}, {}) == 9 and total_of({}, {"length": "4"}) == 4
    assert total_of({}, {}) is None and mark_of({"content-length": "4"}) == {"length": "4"}


class Told(FakeApi):
    """Says something about each file; the first n files are not so."""

    def __init__(self, tell: Callable[[bytes], dict[str, str]], wrong: int) -> None:
        super().__init__([], polls=0, files=1)
        self.tell, self.wrong = tell, wrong

    def _part(self, wire: Any, whole: Reply) -> Reply:
        whole.headers |= self.tell(whole.body)
        if self.wrong:
            self.wrong -= 1
            whole.body = whole.body.replace(b"0", b"1", 1)
        return super()._part(wire, whole)


def of(api: FakeApi, expect: Expect, retries: int = 2) -> Job:
    world = World(Shape(doubt="same_key", retries=retries, attempts=1), api, Keyed(True))
    r = world.plan.retrieval
    world.plan = structs.replace(world.plan, retrieval=structs.replace(r, fetch=structs.replace(r.fetch, expect=expect)))
    jobs = asyncio.run(world.run(1, None))
    rows = sum(map(len, cast(Keyed, world.destination).parts.values()))
    world.close()
    assert jobs is not None and (rows == 3) is (jobs["j0"].phase == "done") and not world.files
    return jobs["j0"]


def md5_of(raw: bytes) -> dict[str, str]:
    return {"content-md5": b64(hashlib.md5(raw).digest())}


def test_a_digest_that_differs_is_fetched_again_and_then_ends() -> None:
    assert of(Told(md5_of, 0), Expect()).phase == "done"
    assert of(Told(md5_of, 2), Expect()).phase == "done"
    job = of(Told(md5_of, 9), Expect())
    assert job.phase == "failed" and job.fault is not None and job.fault.seen.startswith("the digest is not md5:")


def test_length_and_digest_that_the_plan_names() -> None:
    fine = Expect(length="156", digest=hashlib.md5(b"other").hexdigest())
    job = of(Told(lambda raw: {}, 0), fine)
    assert job.phase == "failed" and job.fault is not None
    short = of(Told(lambda raw: {}, 0), Expect(length="7"))
    assert short.fault is not None and short.fault.seen.endswith("of 7 bytes")


def test_a_media_type_that_is_not_expected() -> None:
    job = of(Told(lambda raw: {"content-type": "text/html; charset=x"}, 0), Expect(media=("text/csv",)))
    assert job.fault is not None and job.fault.code == "data.media"
    assert of(Told(lambda raw: {"content-type": "text/csv; charset=x"}, 0), Expect(media=("text/csv",))).phase == "done"


def test_a_count_that_the_api_promised() -> None:
    assert of(Told(lambda raw: {}, 0), Expect(records="3")).phase == "done"
    job = of(Told(lambda raw: {}, 0), Expect(records="4"))
    assert job.fault is not None and job.fault.seen == "3 records, 4 were promised"


def test_requests_are_what_the_plan_says() -> None:
    scope = Scope({"page": lambda: {"token": {"a": 1}}, "config": lambda: {"x": "y z", "none": None}})
    wire = render(Request(url="https://x/{{config.x}}?a=1", query={"t": Name("page.token"), "e": "{{config.none}}"}, method="POST",
                          body=Body(form="form", value={"k": "{{config.x}}", "n": 7})), scope, HANDLEBARS)  # fmt: skip
    assert wire.url == "https://x/y%20z?a=1&t=%7B%22a%22%3A1%7D" and wire.body == b"k=y+z&n=7"
    json_body = Body(form="json", value={"deep": [{"is": "name", "name": "page.token"}], "n": 1})
    assert render(Request(url="u", body=json_body), scope, HANDLEBARS).body == b'{"deep":[{"a":1}],"n":1}'
    assert render(Request(url="u", body=Body(form="text", value="{{config.x}}")), scope, HANDLEBARS).body == b"y z"
    parts = render(Request(url="u", body=Body(form="multipart", value={"a": "1", 'b"': "2"})), scope, HANDLEBARS)
    mark = parts.headers["Content-Type"].partition("boundary=")[2]
    assert parts.body.count(f"--{mark}".encode()) == 3 and b'name="b%22"\r\n\r\n2\r\n' in parts.body
    for request, at in ((Request(url="{{no}}"), "/request/url"), (Request(url="u", query={"q": "{{no}}"}), "/request/query/q"),
                        (Request(url="u", body=Body(form="json", value={"a": ["{{no}}"]})), "/request/body/value/a/0")):  # fmt: skip
        with pytest.raises(RenderFault) as e:
            render(request, scope, HANDLEBARS)
        assert e.value.at == at


def test_codings() -> None:
    assert coding_of({"content-encoding": "gzip"}) == coding_of({}) == "" and coding_of({"content-encoding": "br"}) == "br"
    assert inflated(b"plain", 10) == b"plain" and inflated(b"\x1f\x8bnot gzip", 10) == b"\x1f\x8bnot gzip"


@pytest.mark.parametrize(("url", "headers", "at"), [
    ("/poll/1", {}, "/request/url"), ("ftp://x/1", {}, "/request/url"), ("https:///1", {}, "/request/url"), ("", {}, "/request/url"),
    ("https://x:0/", {}, "/request/url"), ("https://x:y/", {}, "/request/url"),
    ("https://x/", {"A B": "1"}, "/request/headers"), ("https://x/", {"A": "1\n2"}, "/request/headers/A"),
])  # fmt: skip
def test_what_no_server_could_be_asked_is_a_fault_and_not_a_lost_answer(url: str, headers: dict[str, str], at: str) -> None:
    with pytest.raises(RenderFault) as e:
        sendable(Wire("GET", url, headers))
    assert e.value.at == at
    sendable(Wire("GET", " https://x/ä b?c", {"X-Any": "ü"}))
