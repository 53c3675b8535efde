"""What is wrong with a manifest: gathered, told once each, in the order of the text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from jobstream.documents.text import Text
from jobstream.plan.places import Told


def near(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or the names that would do; nothing where there is none."""
    names = sorted(set(known))
    match = difflib.get_close_matches(word, names, 1)
    return f"did you mean '{match[0]}'?" if match else "known: " + ", ".join(names) if names else ""


class Faults:
    """A definition that many streams share is told once."""

    def __init__(self, text: Text) -> None:
        self._text, self._told = text, dict[tuple[str, str, str], Told]()

    def tell(self, code: str, at: str, saw: str = "", hint: str = "", *, grave: bool = True) -> None:
        told = Told(code, self._text.name, at, self._text.line(at), _short(saw), hint, grave)
        self._told.setdefault((code, at, saw), told)

    def warn(self, code: str, at: str, saw: str = "", hint: str = "") -> None:
        self.tell(code, at, saw, hint, grave=False)

    def tells(self, at: str) -> bool:
        """Something is told of this place already."""
        return any(told.at in (at, f"{at}/$ref") for told in self._told.values())

    def sorted(self) -> tuple[Told, ...]:
        return tuple(sorted(self._told.values(), key=lambda t: (t.line, t.at, t.code)))


def _short(saw: str) -> str:
    return saw if len(saw) <= 80 else saw[:77] + "..."
