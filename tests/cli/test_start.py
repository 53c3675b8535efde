"""The command starts fast, teaches, and fails in words."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jobstream.cli.main import COMMANDS

HEAVY = {"aiohttp", "pyarrow", "jinja2", "rich", "lxml", "cryptography", "pydantic", "msgspec", "asyncio", "yaml", "yaml_edit"}


def modules_after(*argv: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after the command has run."""
    code = ("import sys\nfrom jobstream.cli.main import run\n"
            f"try:\n    run({list(argv)!r})\nexcept SystemExit:\n    pass\n"
            "print('\\x00' + ' '.join({m.partition('.')[0] for m in sys.modules}))")  # fmt: skip
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return set(out.rpartition("\x00")[2].split())


def test_help_imports_nothing_heavy() -> None:
    assert not modules_after("--help") & HEAVY


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_teaches(command: str) -> None:
    got = subprocess.run([sys.executable, "-m", "jobstream", command, "--help"], capture_output=True, text=True, check=False)

    assert got.returncode == 0 and len(got.stdout) > 300 and "usage: jobstream " + command in got.stdout


def test_an_unknown_command_is_told_with_those_there_are() -> None:
    got = subprocess.run([sys.executable, "-m", "jobstream", "rum"], capture_output=True, text=True, check=False)

    assert got.returncode == 2 and "'rum'" in got.stderr and "practice-api" in got.stderr
