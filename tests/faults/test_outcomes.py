"""Each row of the table happens as it says; and the page says what the table says."""

from __future__ import annotations

from pathlib import Path

import pytest

from fault_case import happened, judge
from fault_page import PAGE, page
from fault_table import CASES
from jobstream.testing.practice import KINDS, parse_fault


@pytest.mark.parametrize("name", CASES)
async def test_outcome(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    judge(case, await happened(case, tmp_path))


def test_every_kind_of_misbehaviour_has_a_row() -> None:
    seen = {parse_fault(f).name for case in CASES.values() for f in case.faults} | {
        parse_fault(f).name for c in CASES.values() for f in c.also
    }
    assert set(KINDS) - seen == set()


def test_the_page_says_what_the_table_says() -> None:
    assert PAGE.read_text() == page(), "run scripts/faults"
