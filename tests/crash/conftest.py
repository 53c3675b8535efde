"""Real processes, killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from crash_scene import MakeScene, Scene
from jobstream.testing.practice import PracticeServer, Way
from nursery import Nursery
from practice_manifest import manifest

#: fields of the practice API; the others are of the manifest
_API = ("files", "rows", "job_seconds", "jitter", "faults", "list_lag", "gzip", "link_seconds", "format")


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture
def scene(nursery: Nursery, tmp_path: Path) -> Iterator[MakeScene]:
    """scene("keyed", files=1, faults=[...], abort=True, form="parquet")"""
    with ExitStack() as stack:

        def make(way: Way = "bare", *, form: str = "jsonl", parts: tuple[str, ...] = ("a", "b", "c"), **fields: Any) -> Scene:
            of_api = {k: fields.pop(k) for k in _API if k in fields}
            api = stack.enter_context(
                PracticeServer(where="process", **{"files": 2, "rows": 20, "job_seconds": 0.0, "list_lag": 0.3, **of_api})
            )
            document = manifest(api.url, way, parts=parts, **fields)
            return Scene(nursery, api, tmp_path, document, form, parts)

        yield make
