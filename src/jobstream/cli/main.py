"""The command line: one module a command, imported when it is called."""

from __future__ import annotations


def run(argv: list[str]) -> int:
    """The exit code. 0: done · 1: failed · 2: the document or the call is wrong · 3: held by another process."""
    return 0
