"""Regular expressions that end: Python's matcher goes back over the text, so what a pattern may cost is bounded before it runs.

What holds: a pattern with one open repeat reads up to 20,000 characters, with none 1,000,000. One with more of them, or with a
repeat of something loose (a repeat, an alternative, an option), is given to RE2 (in Arrow), which never goes back. RE2 knows no
look-around and no back-references, and takes \\w, \\d and \\s as ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from jobstream.template.language import TemplateFault

Pay: TypeAlias = Callable[[int], None]  # units of budget.Budget
_ONE_REPEAT = 20_000
_NO_REPEAT = 1_000_000
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?P<\w+>|\(\?[^)]|\(|\)|[*+?]\??\+?|\{\d*,?\d*\}\??|.", re.DOTALL)
_OPEN = re.compile(r"[*+]|\{\d*,\}|\{\d*,?(\d+)\}")


@lru_cache(maxsize=256)
def _repeats(pattern: str) -> int:
    """How many open repeats a pattern has; a repeat of something loose counts as many. Raises TemplateFault for no pattern."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as e:
        raise TemplateFault(f"{pattern!r} is no regular expression: {e}") from e
    total, loose, before = 0, [False], False
    for m in _TOKEN.finditer(pattern):
        piece, ended = m[0], False
        if piece.startswith("("):
            loose.append(False)
        elif piece == ")":
            ended = loose.pop()
            loose[-1] = loose[-1] or ended
        elif piece[0] in "|?":
            loose[-1] = True
        elif (repeat := _OPEN.match(piece)) and int(repeat[1] or 99) > 9:
            total, loose[-1] = total + (2 if before else 1), True
        before = ended
    return total


def _first_group(pattern: str) -> str:
    """The same pattern with its first group named and no other, for Arrow wants names."""
    seen = False

    def group(m: re.Match[str]) -> str:
        nonlocal seen
        if m[0] != "(" and not m[0].startswith("(?P<"):
            return m[0]
        first, seen = not seen, True
        return "(?P<g>" if first else "(?:"

    return _TOKEN.sub(group, pattern)


def _bounded(pattern: str, text: str, pay: Pay) -> bool:
    """Whether Python's matcher may be trusted with it; paid for by what it may cost at the worst."""
    repeats = _repeats(pattern)
    if repeats > 1:
        pay(len(text) >> 2)
        return False
    most = _ONE_REPEAT if repeats else _NO_REPEAT
    if len(text) > most:
        raise TemplateFault(f"{len(text)} characters are too many for {pattern!r}, {most} at most")
    pay(len(text) ** 2 >> 7 if repeats else len(text) >> 2)
    return True


def search(pattern: str, text: str, pay: Pay) -> str | None:
    """Group 1 of the first match; None without a match or without a group."""
    if _bounded(pattern, text, pay):
        m = re.search(pattern, text)
        return m[1] if m is not None and m.re.groups else None
    if not re.compile(pattern).groups:
        return None
    found = _arrow("extract_regex", pattern, text, _first_group(pattern))
    return None if found is None else str(found["g"])


def replace(pattern: str, with_: str, text: str, pay: Pay) -> str:
    pay(len(text) * (1 + len(with_)) >> 4)
    if not _bounded(pattern, text, pay):
        return str(_arrow("replace_substring_regex", pattern, text, pattern, with_))
    try:
        return re.sub(pattern, with_, text)
    except (re.error, IndexError) as e:
        raise TemplateFault(f"{with_!r} cannot stand for {pattern!r}: {e}") from e


def _arrow(function: str, pattern: str, text: str, *args: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return getattr(pc, function)(pa.scalar(text), *args).as_py()
    except pa.ArrowInvalid as e:
        raise TemplateFault(f"{pattern!r} is too open for a bounded search: {e}") from e
