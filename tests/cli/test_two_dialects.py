"""One API, two descriptions: a manifest and Celigo resources run by the same command, over real HTTP, and the API sees no difference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from command import EXAMPLES, call, rows_of
from practice_fixtures import StartPractice

PAGES = EXAMPLES / "json_pages"


@pytest.mark.parametrize("document", ["manifest.yaml", "helper.json"])
def test_either_document_runs_by_the_same_command(document: str, tmp_path: Path, practice: StartPractice) -> None:
    api = practice(files=1, rows=90, job_seconds=0.0)

    got, seen = run(document, tmp_path, api.url)

    rows = [r for folder in (tmp_path / document).iterdir() for r in rows_of(folder)]
    assert got.code == 0, got.err
    assert rows == list(api.expected_rows())
    assert [s[0] for s in seen if s[0] == "POST"] == ["POST"]


def test_both_send_the_same_requests(tmp_path: Path, practice: StartPractice) -> None:
    transcripts = []
    for document in ("manifest.yaml", "helper.json"):
        api = practice(files=1, rows=90, job_seconds=0.0)
        transcripts.append(run(document, tmp_path, api.url)[1])

    assert transcripts[0] == transcripts[1] and len(transcripts[0]) >= 5


def run(document: str, folder: Path, url: str) -> tuple[Any, list[tuple[str, str, str, str]]]:
    """What the shell saw, and (method, path and query, headers, body) of each exchange, ids of jobs made alike."""
    trace = folder / f"{document}.jsonl"
    got = call("run", PAGES / document, "--config", PAGES / "config.json", "--project", folder, "--to", folder / document,
               "--map-origin", f"https://api.practice.example={url}", "--trace", trace, "--quiet")  # fmt: skip
    seen = []
    for row in map(json.loads, trace.read_text().splitlines()):
        parts = urlsplit(row["url"])
        path = "/".join("ID" if len(p) == 36 else p for p in parts.path.split("/"))
        seen.append((row["method"], f"{path}?{parts.query}", json.dumps(row["headers"], sort_keys=True), row["body"]))
    return got, seen
