"""Limits that a person sets, and what is said where something stands in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from command import call
from jobstream.wish import evenly

World = list[Any]


@pytest.mark.parametrize(("rate", "budget"), [(10.0, (10, 1.0)), (2.5, (2, 0.8)), (0.05, (1, 20.0)), (1.0, (1, 1.0))])
def test_a_rate_in_the_settings_is_one_of_seconds_and_not_of_bursts(rate: float, budget: tuple[int, float]) -> None:
    got = evenly(rate)
    assert (got.rate, got.per) == pytest.approx(budget)


def test_a_ledger_that_is_a_folder_is_told(tmp_path: Path, world: World) -> None:
    (tmp_path / ".jobstream" / "ledger.db").mkdir(parents=True)

    got = call("run", *world, "--to", tmp_path / "out")

    assert got.code == 1 and "the ledger cannot be opened" in got.err and "fault of jobstream" not in got.err


def test_a_project_that_cannot_be_made_is_told(tmp_path: Path, world: World) -> None:
    (tmp_path / ".jobstream").write_text("a file")

    got = call("run", *world, "--to", tmp_path / "out")

    assert got.code == 1 and ".jobstream: cannot be made" in got.err and "fault of jobstream" not in got.err
