"""ObjectIds: 24 hexadecimal characters, sorted by the second of their birth and, within one process, by their order."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

_FORM = re.compile(r"[0-9a-fA-F]{24}")


class ObjectIds:
    """now: epoch seconds. Four bytes of time, five of chance for each process, three of a counter (BSON specification, ObjectId)."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now, self._own, self._last = now, secrets.token_hex(5), secrets.randbelow(1 << 20)

    def __call__(self) -> str:
        self._last = (self._last + 1) % (1 << 24)
        return f"{int(self._now()) & 0xFFFFFFFF:08x}{self._own}{self._last:06x}"


def object_id(text: str) -> str | None:
    """In lower case; None where it is none. Twelve characters, which some drivers take for one, are none."""
    return text.lower() if _FORM.fullmatch(text) else None
