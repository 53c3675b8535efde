"""Each row of the table happens as it says; and the page says what the table says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from fault_case import Case, Happened, happened
from fault_page import PAGE, page
from fault_table import CASES
from jobstream.testing.practice import KINDS, parse_fault

SEEDS = {"cut gzip": "B52"}


@pytest.mark.parametrize("name", CASES)
async def test_outcome(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    judge(case, await happened(case, tmp_path))


def judge(case: Case, h: Happened) -> None:
    """Records, exit code, remote jobs, requests; and what the person is told."""
    if isinstance(case.records, int):
        assert h.records.total() == case.records
    else:
        assert h.records == (h.expected if case.records == "all" else Counter()), h.text
    assert (h.code == 0) == case.good, h.text
    assert h.api.n_jobs == case.jobs, h.text
    assert {r: h.api.requests.get(r, 0) for r in case.seen} == case.seen, h.text
    assert {k: getattr(h.api, k) for k in case.report} == case.report, h.text
    assert {k: h.numbers[k] for k in case.numbers} == case.numbers, h.text
    assert h.api.misplaced == [], "credentials were seen where they do not belong"
    assert set(h.api.faults) >= {parse_fault(f).name for f in case.faults} - {"wrong-range", "no-if-range"}, (
        "it did not misbehave"
    )
    told(case, h)


def told(case: Case, h: Happened) -> None:
    codes = {f["code"] for f in h.numbers["faults"]}
    assert case.code in codes if case.code else not codes, h.text
    assert [piece for piece in case.told if piece not in h.text] == [], h.text
    assert "jobstream itself" not in h.text
    assert "SG.practice" not in h.text, "a secret is shown"
    if not case.good:
        assert "contacts" in h.text
        assert "what to do: " in h.text, h.text


def test_every_kind_of_misbehaviour_has_a_row() -> None:
    seen = {parse_fault(f).name for case in CASES.values() for f in case.faults} | {
        parse_fault(f).name for c in CASES.values() for f in c.also
    }
    assert set(KINDS) - seen == set()


def test_the_page_says_what_the_table_says() -> None:
    assert PAGE.read_text() == page(), "run scripts/faults"
