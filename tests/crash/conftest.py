"""Real processes, killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crash_scene import MakeScene, Scene
from jobstream.testing.practice import PracticeServer, Way
from nursery import Nursery
from practice_manifest import manifest

#: fields of the practice API; the others are of the manifest
_USUAL: dict[str, Any] = {"files": 2, "rows": 20, "job_seconds": 0.0, "list_lag": 0.3, "faults": [], "gzip": True, "format": "csv",
                          "link_seconds": 900.0}  # fmt: skip
_API = frozenset(_USUAL)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(scope="session")
def practice_api() -> Iterator[PracticeServer]:
    with PracticeServer(where="process") as api:
        yield api


@pytest.fixture
def scene(nursery: Nursery, practice_api: PracticeServer, tmp_path: Path) -> Iterator[MakeScene]:
    """scene("keyed", files=1, faults=[...], abort=True, form="parquet")"""
    made: list[Scene] = []

    def make(way: Way = "bare", *, form: str = "jsonl", parts: tuple[str, ...] = ("a", "b", "c"), **fields: Any) -> Scene:
        of_api = {k: fields.pop(k) for k in list(fields) if k in _API}
        practice_api.reset({**_USUAL, **of_api})
        document = manifest(practice_api.url, way, parts=parts, **fields)
        made.append(Scene(nursery, practice_api, tmp_path, document, form, parts))
        return made[-1]

    yield make
    for s in made:
        s.end()
