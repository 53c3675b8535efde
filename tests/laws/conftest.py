"""How often a law is tried: modestly in a normal run, 20,000 times with --long. RUNS, WALKS and CHANCES say it otherwise."""

from __future__ import annotations

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--long"):
        for name, n in (("RUNS", "20000"), ("WALKS", "20000"), ("CHANCES", "50000")):
            os.environ.setdefault(name, n)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        for item in items:
            if "/laws/" in str(item.path):
                item.add_marker(pytest.mark.timeout(0))
