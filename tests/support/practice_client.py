"""The plain way through the practice API's export, for tests: create, poll, links, rows."""

from __future__ import annotations

import csv
import gzip
import io
from typing import Any

from jobstream.testing.practice import PracticeServer
from raw_http import KEY, Heard, ask

EXPORTS = "/v3/marketing/contacts/exports"


def create(api: PracticeServer, body: bytes = b"", *, path: str = EXPORTS, **headers: str) -> Heard:
    return ask(api.url + path, "POST", {**KEY, **{k.replace("_", "-"): v for k, v in headers.items()}}, body)


def poll(api: PracticeServer, id: str, *, path: str = EXPORTS) -> Heard:
    return ask(f"{api.url}{path}/{id}", headers=KEY)


def made(api: PracticeServer, body: bytes = b"", *, path: str = EXPORTS) -> str:
    """The id of a new job."""
    id: str = create(api, body, path=path).json()["id"]
    return id


def links(api: PracticeServer, id: str) -> list[str]:
    """Of a job that is ready."""
    answer = poll(api, id).json()
    assert answer["status"] == "ready", answer
    urls: list[str] = answer["urls"]
    return urls


def export(api: PracticeServer, body: bytes = b"") -> list[str]:
    """Links of a new job; wants job_seconds=0."""
    return links(api, made(api, body))


def rows_of(raw: bytes, charset: str = "utf-8", delimiter: str = ",") -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(raw.decode(charset), newline=""), delimiter=delimiter))


def downloaded(api: PracticeServer, urls: list[str]) -> list[dict[str, Any]]:
    """The rows of all files, in order."""
    return [row for url in urls for row in rows_of(gzip.decompress(ask(url).body))]
