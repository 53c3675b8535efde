"""What every test shares: the long form, and warnings that are errors."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# how fast the machine is today says nothing about a law
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
settings.load_profile("ours")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="laws at many examples, every kill point, many walks")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--long"):
        skip = [i for i in items if i.get_closest_marker("long")]
        config.hook.pytest_deselected(items=skip)
        items[:] = [i for i in items if i not in skip]
