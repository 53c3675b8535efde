"""The rows are those that a test can compute, in every form."""

from __future__ import annotations

import csv
import gzip
import io
import itertools

import msgspec
import pytest
from lxml import etree

from jobstream.testing.practice import COLUMNS, PracticeConfig, expected_rows
from jobstream.testing.practice.data import pieces, row
from practice_client import export, links, made, rows_of
from practice_fixtures import StartPractice, practice
from raw_http import KEY, ask

__all__ = ["practice"]


def test_the_fast_way_writes_the_same_rows() -> None:
    config = PracticeConfig(rows=30_000)
    fast = b"".join(pieces(config, "p", 1, frozenset(), "csv")).decode()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(row(config.seed, "p", n) for n in range(30_000, 60_000))
    assert fast == out.getvalue()


def test_rows_are_different_and_the_same_again() -> None:
    config = PracticeConfig(rows=500)
    rows = list(expected_rows(config))
    assert rows == list(expected_rows(config))
    assert len({r["CONTACT_ID"] for r in rows}) == 1500
    assert rows[0] != next(expected_rows(msgspec.structs.replace(config, seed=8)))


@pytest.mark.parametrize(
    ("faults", "charset", "delimiter"),
    [
        ([], "utf-8", ","),
        (["quoted-newlines"], "utf-8", ","),
        (["bom"], "utf-8-sig", ","),
        (["nul"], "utf-8", ","),
        (["latin-1"], "iso-8859-1", ","),
        (["semicolons"], "utf-8", ";"),
        (["semicolons", "quoted-newlines", "bom"], "utf-8-sig", ";"),
        (["header-only"], "utf-8", ","),
        (["empty-file"], "utf-8", ","),
        (["bom,file=1", "quoted-newlines,file=1"], "utf-8-sig", ","),
    ],
)
def test_served_rows_are_the_expected_ones(practice: StartPractice, faults: list[str], charset: str, delimiter: str) -> None:
    api = practice(job_seconds=0, files=2, rows=20, faults=faults)
    raw = [gzip.decompress(ask(url).body) for url in export(api)]
    assert list(itertools.chain(*(rows_of(r, charset, delimiter) for r in raw))) == list(api.expected_rows())
    wanted = {f.split(",")[0] for f in faults}
    assert set(api.report().faults) == wanted


def test_the_odd_bytes_are_there(practice: StartPractice) -> None:
    api = practice(job_seconds=0, files=1, rows=20)
    for fault, sign in (
        ("bom", b"\xef\xbb\xbf"),
        ("nul", b"\0"),
        ("latin-1", b"M\xfc\xdf"),
        ("semicolons", b"CONTACT_ID;EMAIL"),
        ("quoted-newlines", b',\n""old'),
    ):
        api.set_faults(fault)
        assert sign in gzip.decompress(ask(export(api)[0]).body), fault
    api.set_faults("empty-file")
    assert gzip.decompress(ask(export(api)[0]).body) == b""


def test_ragged_rows_are_told_from_good_ones(practice: StartPractice) -> None:
    api = practice(job_seconds=0, files=1, rows=50, faults=["ragged"])
    [url] = export(api)
    lines = list(csv.reader(io.StringIO(gzip.decompress(ask(url).body).decode())))[1:]
    assert sorted({len(line) for line in lines}) == [8, 10, 11]
    good = [dict(zip(COLUMNS, line, strict=True)) for line in lines if len(line) == 10]
    assert good == list(api.expected_rows()) and len(good) == 40


@pytest.mark.parametrize("is_gzip", [True, False])
def test_json_lines_and_json(practice: StartPractice, is_gzip: bool) -> None:
    for format in ("jsonl", "json"):
        api = practice(job_seconds=0, files=1, rows=5, format=format, gzip=is_gzip)
        answer = ask(export(api)[0])
        body = gzip.decompress(answer.body) if is_gzip else answer.body
        rows = msgspec.json.decode(body) if format == "json" else [msgspec.json.decode(line) for line in body.splitlines()]
        assert rows == list(api.expected_rows())
        assert answer.headers["content-type"] == (
            "application/gzip" if is_gzip else {"json": "application/json", "jsonl": "application/x-ndjson"}[format]
        )


def test_the_xml_variant_creates_polls_and_downloads_in_xml(practice: StartPractice) -> None:
    api = practice(job_seconds=0, files=2, rows=5, faults=["quoted-newlines"])
    path = "/xml/v1/exports"
    made_ = etree.fromstring(ask(api.url + path, "POST", KEY).body)
    assert made_.findtext("status") == "ready"
    answer = ask(f"{api.url}{path}/{made_.findtext('id')}", headers=KEY)
    assert answer.headers["content-type"] == "application/xml"
    urls = [e.text for e in etree.fromstring(answer.body).findall("urls/url")]
    rows = []
    for url in urls:
        assert url
        rows += [{f.tag: f.text for f in c} for c in etree.fromstring(ask(url).body)]
    assert rows == list(api.expected_rows())


def test_the_bytes_of_a_job_do_not_change(practice: StartPractice) -> None:
    api = practice(job_seconds=0, files=1, faults=["quoted-newlines"])
    id = made(api)
    assert len({ask(links(api, id)[0]).headers["etag"] for _ in range(3)}) == 1
