"""A fast practice API, its manifest with a fast cadence, and a project folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from command import EXAMPLES, ORIGIN
from practice_fixtures import StartPractice, practice

__all__ = ["practice"]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The SendGrid example, polled every 50 ms."""
    text = (EXAMPLES / "sendgrid" / "manifest.yaml").read_text()
    quick = "      type: AsyncRetriever\n      x-jobstream: {poll: {interval: 0.05, jitter: 0}}\n"
    file = tmp_path / "contacts.yaml"
    file.write_text(text.replace("      type: AsyncRetriever\n", quick))
    return file


@pytest.fixture
def world(tmp_path: Path, manifest: Path, practice: StartPractice) -> list[object]:
    """Options of a run against a practice API with three files of 20 rows."""
    api = practice(files=3, rows=20)
    return [manifest, "--set", f"api_key={api.config.key}", "--project", tmp_path, "--map-origin", f"{ORIGIN}={api.url}"]
