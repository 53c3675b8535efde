"""Servers that others wrote, each in an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import pygeoapi_server
import scrapyd_server
from pygeoapi_server import Pygeoapi
from scrapyd_server import Scrapyd


@pytest.fixture(scope="session")
def pygeoapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pygeoapi]:
    if not pygeoapi_server.PYTHON.exists():
        pytest.fail("pygeoapi is not installed: run scripts/peers pygeoapi")
    with pygeoapi_server.serving(tmp_path_factory.mktemp("pygeoapi")) as server:
        yield server


@pytest.fixture(scope="session")
def scrapyd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scrapyd]:
    if not scrapyd_server.PYTHON.exists():
        pytest.fail("scrapyd is not installed: run scripts/peers scrapyd")
    with scrapyd_server.serving(tmp_path_factory.mktemp("scrapyd")) as server:
        yield server
