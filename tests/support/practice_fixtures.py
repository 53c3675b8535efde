"""For tests that want a practice API: `from practice_fixtures import practice` and ask for `practice`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TypeAlias

import pytest

from jobstream.testing.practice import PracticeServer

#: practice(files=1, job_seconds=0.1, faults=["429=0,every=2"]) → a server in a thread, which ends with the test
StartPractice: TypeAlias = Callable[..., PracticeServer]


@pytest.fixture
def practice() -> Iterator[StartPractice]:
    with ExitStack() as stack:
        yield lambda **fields: stack.enter_context(PracticeServer(**{"job_seconds": 0.1, **fields}))
