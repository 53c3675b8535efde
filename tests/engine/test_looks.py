"""What is not taken for records, and what is."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any, cast

import pytest
from msgspec import structs

from jobstream.jobs.event import Answer, Slice
from jobstream.jobs.job import Job
from jobstream.meaning.looks import Looks, looks_of, no_records
from jobstream.meaning.read import Tools
from jobstream.plan.component import Component
from jobstream.plan.exchange import Exchange, Read, Request
from jobstream.plan.retrieval import Fetch, Poll, Retrieval, StatusMap
from jobstream.testing.destinations import Keyed
from jobstream.testing.fake_api import FakeApi, Reply
from jobstream.testing.world import Shape, World

EX = Exchange(request=Request(url="x"))
STATUS = StatusMap(value=Read(("status",)), map={"pending": "running", "ready": "completed"})
PLAN = Retrieval(fetch=Fetch(exchange=EX), poll=Poll(exchange=EX, status=STATUS))
JOB = Job(id="j", stream="s", slice=Slice(), key="k", phase="fetching",
          polled=Answer(code=200, body=b'{"id":"r1","status":"ready","urls":[]}'))  # fmt: skip
HTML = b"\xef\xbb\xbf\n  <!DOCTYPE html><html><body>Sign in</body></html>"


@pytest.mark.parametrize(("looks", "head"), [
    ("csv", HTML), ("json", HTML), ("jsonl", HTML), ("xml", HTML), ("csv", b"<html>"), ("csv", gzip.compress(HTML, mtime=0)),
    ("csv", b'{"error": "not found"}'), ("csv", b'{"status": "pending"}'), ("csv", b'<?xml version="1.0"?><Error/>'),
    ("jsonl", b"<Error><Code>AccessDenied</Code></Error>"), ("json", b'{"error": {"code": 7}, "message": "no"}'),
    ("jsonl", b'{"id":"r1","status":"pending"}\n'), ("json", b'{"status":"pending","id":"r1","urls":[]}'),
])  # fmt: skip
def test_pages_errors_and_status_documents_are_not_records(looks: Looks, head: bytes) -> None:
    assert no_records(looks, head, PLAN, JOB, Tools())


@pytest.mark.parametrize(("looks", "head"), [
    ("any", HTML), ("csv", b""), ("csv", b"id,status\n1,error\n"), ("csv", b"\xef\xbb\xbfid;name\n"), ("csv", b"\x00\x01"),
    ("json", b'[{"error": "of a row"}]'), ("json", b'{"data": [], "error": null}'), ("json", b'{"error": "x", "data": [1]}'),
    ("jsonl", b'{"id":"o7","status":"pending","total":3}\n'), ("jsonl", b'{"id":"r1","status":"ready"}\n'), ("json", b"{}"),
    ("jsonl", b'{"id":"r1","status":"pending"}\n{"id":"r2","status":"pending"}\n'), ("xml", b'<?xml version="1.0"?><feed/>'),
    ("csv", b"\x1f\x8bnot gzip"), ("json", b'{"cut'),
])  # fmt: skip
def test_records_are_not_refused(looks: Looks, head: bytes) -> None:
    assert no_records(looks, head, PLAN, JOB, Tools()) == ""


def test_without_a_status_map_a_document_is_a_record() -> None:
    assert no_records("jsonl", b'{"id":"r1","status":"pending"}', structs.replace(PLAN, poll=None), JOB, Tools()) == ""


def test_the_format_is_that_of_the_innermost_decoder() -> None:
    csv = {"kind": "decoder", "name": "csv", "options": {}, "is": "component"}
    assert looks_of(Component("decoder", "gzip", {"inner": Component("decoder", "csv")})) == "csv"
    assert looks_of(Component("decoder", "zip", {"inner": {"name": "gzip", "options": {"inner": csv}}})) == "csv"
    assert looks_of(Component("decoder", "mystery")) == "any"


class Login(FakeApi):
    """The first n downloads are a login page."""

    def __init__(self, n: int) -> None:
        super().__init__([], polls=0, files=1)
        self.n = n

    def _part(self, wire: Any, whole: Reply) -> Reply:
        if self.n:
            self.n -= 1
            return Reply(200, {"content-type": "text/html"}, wire.url, HTML)
        return super()._part(wire, whole)


@pytest.mark.parametrize(("pages", "phase", "records"), [(1, "done", 3), (2, "failed", 0)])
def test_a_login_page_costs_one_fresh_link_then_the_job(pages: int, phase: str, records: int) -> None:
    world = World(Shape(doubt="same_key"), cast(FakeApi, Login(pages)), Keyed(True))
    jobs = asyncio.run(world.run(1, None))
    assert jobs is not None
    job, parts = jobs["j0"], cast(Keyed, world.destination).parts
    world.close()
    assert job.phase == phase and sum(map(len, parts.values())) == records and not world.files
    if phase == "failed":
        assert job.fault is not None and job.fault.code == "data.not_records" and "Sign in" in job.fault.seen
        assert job.attempt == 1, "another remote job would not help"
