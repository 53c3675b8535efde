"""Ranges, conditions and links of the files."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from practice_client import export, links, made
from practice_fixtures import StartPractice, practice
from raw_http import ask

__all__ = ["practice"]


@pytest.fixture
def file(practice: StartPractice) -> tuple[str, bytes, str]:
    """A link, the whole file and its ETag."""
    [url] = export(practice(job_seconds=0, files=1))
    whole = ask(url)
    assert whole.headers["accept-ranges"] == "bytes"
    return url, whole.body, whole.headers["etag"]


@pytest.mark.parametrize(
    ("asked", "start", "stop"), [("bytes=0-9", 0, 10), ("bytes=100-", 100, None), ("bytes=-50", -50, None), ("bytes=5-999999", 5, None)]
)  # fmt: skip
def test_a_range_is_that_piece(file: tuple[str, bytes, str], asked: str, start: int, stop: int | None) -> None:
    url, body, etag = file
    answer = ask(url, headers={"Range": asked})
    assert (answer.status, answer.body, answer.headers["etag"]) == (206, body[start:stop], etag)
    first = start % len(body)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.body) - 1}/{len(body)}"


def test_a_range_outside_is_refused_with_the_size(file: tuple[str, bytes, str]) -> None:
    url, body, _ = file
    answer = ask(url, headers={"Range": f"bytes={len(body)}-"})
    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{len(body)}")


@pytest.mark.parametrize("odd", ["bytes=0-1,5-9", "lines=0-1", "bytes=x-"])
def test_a_range_that_is_not_understood_gives_the_whole(file: tuple[str, bytes, str], odd: str) -> None:
    url, body, _ = file
    answer = ask(url, headers={"Range": odd})
    assert (answer.status, answer.body) == (200, body)


def test_if_range_wants_the_same_file(file: tuple[str, bytes, str]) -> None:
    url, body, etag = file
    date = ask(url, "HEAD").headers["last-modified"]
    for condition, status in (
        (etag, 206),
        (date, 206),
        ('"other"', 200),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 200),
        (f"W/{etag}", 200),
    ):
        answer = ask(url, headers={"Range": "bytes=10-", "If-Range": condition})
        assert (answer.status, len(answer.body)) == (status, len(body) - (10 if status == 206 else 0))


def test_conditions(file: tuple[str, bytes, str]) -> None:
    url, _, etag = file
    assert ask(url, headers={"If-None-Match": etag}).status == 304
    assert ask(url, headers={"If-None-Match": '"other"'}).status == 200
    assert ask(url, headers={"If-Match": '"other"'}).status == 412
    assert ask(url, headers={"If-Match": etag}).status == 200


def test_head_tells_the_length_and_sends_nothing(file: tuple[str, bytes, str]) -> None:
    url, body, _ = file
    answer = ask(url, "HEAD")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, str(len(body)), b"")


def test_a_changed_signature_opens_nothing(file: tuple[str, bytes, str]) -> None:
    url, _, _ = file
    for wrong in (
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.split("&X-Amz-Signature")[0],
        url.replace("/0.csv", "/1.csv"),
        url + "&x=1",
    ):
        answer = ask(wrong)
        assert answer.status == 403 and b"SignatureDoesNotMatch" in answer.body


def test_a_link_written_otherwise_is_the_same_link(file: tuple[str, bytes, str]) -> None:
    url, body, _ = file
    assert ask(url.replace("%2F", "/")).body == body


def test_every_poll_gives_fresh_links(practice: StartPractice) -> None:
    api = practice(job_seconds=0, files=1)
    id = made(api)
    assert links(api, id) != links(api, id)


def test_a_download_in_pieces_is_whole_when_its_last_byte_is_out(practice: StartPractice) -> None:
    api = practice(job_seconds=0, files=1)
    [url] = export(api)
    ask(url, headers={"Range": "bytes=0-99"})
    [job] = api.report().jobs
    assert job.downloaded_at is None and not job.files[0].is_whole
    ask(url, headers={"Range": "bytes=100-"})
    [job] = api.report().jobs
    assert job.downloaded_at is not None and job.files[0].is_whole
    assert job.files[0].ranges == ["bytes=0-99", "bytes=100-"]


def test_large_files_come_from_the_disk(practice: StartPractice, tmp_path: Path) -> None:
    api = practice(job_seconds=0, files=1, rows=60_000, folder=str(tmp_path))
    [url] = export(api)
    whole = ask(url)
    tail = ask(url, headers={"Range": "bytes=1000000-"})
    assert (whole.end, tail.status) == ("whole", 206)
    assert tail.body == whole.body[1_000_000:]
    api.set_faults("reset=70000", "chunked,after=1", "two-members,after=2")
    cut = ask(url)
    assert (cut.end, cut.body) == ("reset", whole.body[:70_000])
    assert ask(url).body == whole.body


def test_a_caller_who_leaves_in_the_middle_does_no_harm(
    practice: StartPractice, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    api = practice(job_seconds=0, files=1, rows=200_000, gzip=False, folder=str(tmp_path))
    [url] = export(api)
    at = urlsplit(url)
    with socket.create_connection((at.hostname or "", at.port or 0)) as line:
        line.sendall(f"GET {at.path}?{at.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert line.recv(1000).startswith(b"HTTP/1.1 200")
    assert ask(url).end == "whole"
    give_up = time.monotonic() + 5
    while api.report().in_flight:
        assert time.monotonic() < give_up
    assert caplog.records == []
