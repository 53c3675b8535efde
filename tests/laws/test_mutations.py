"""The laws have teeth: faults that are planted in a copy of the package fail a test. Those that take longer: with --long."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _script() -> ModuleType:
    path = Path(__file__).parents[2] / "scripts/mutations.py"
    spec = importlib.util.spec_from_file_location("mutations", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutations"] = module
    spec.loader.exec_module(module)
    return module


MUTATIONS = _script()
NORMAL = (
    "a new attempt after a delivered part without retract",
    "busy never ends",
    "everybody renews the token",
    "a token is used before it is kept",
    "a whole body is put behind what is there",
    "every cut gives all tries anew",
    "one bad target stops its siblings",
    "a login page is taken for records",
    "a seal is not bound to its place",
    "the pieces of a split job are lost",
    "a job of another question is taken",
)
LONG = [pytest.param(n, marks=pytest.mark.long) for n in MUTATIONS.FAULTS if n not in NORMAL]


@pytest.mark.parametrize("name", [*NORMAL, *LONG])
def test_a_planted_fault_is_caught(name: str) -> None:
    assert MUTATIONS.survives(name, 60 if name in NORMAL else 400, 200.0).startswith("caught")
