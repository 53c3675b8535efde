"""How long to leave it alone. Jitter is a hash of a seed: replay waits the same."""

from __future__ import annotations

import math
import zlib
from datetime import UTC
from email.utils import parsedate_to_datetime

from jobstream.meaning.read import Answered, Result, found
from jobstream.plan.exchange import Wait

FLOOR = 1.0  # seconds; after a failure or a running status nothing is asked sooner, so no plan can write a hot loop


def pause(waits: tuple[Wait, ...], n: int, result: Result | None, now: float, seed: str) -> float:
    """Seconds. n: how often it has been waited already. The first wait that gives a number wins."""
    for w in waits:
        got = _told(w, result, now) if w.read is not None else min(w.first * w.factor ** min(n, 64), w.most)
        if got is not None:
            got = min(max(got, w.least), w.most)
            return got * (1 + w.jitter * (zlib.crc32(seed.encode()) / 0xFFFFFFFF))
    return 0.0


def _told(w: Wait, result: Result | None, now: float) -> float | None:
    if not isinstance(result, Answered) or w.read is None:
        return None
    got = found(w.read, result.answer)
    if not got:
        return None
    text = str(got[0])
    try:
        x = float(text)
    except ValueError:
        return _date(text, now)
    if not math.isfinite(x):
        return None
    return {"auto": x, "minutes": x * 60, "epoch": x - now, "rate": 1 / x if x > 0 else 60.0}[w.unit]


def _date(text: str, now: float) -> float | None:
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(when.replace(tzinfo=when.tzinfo or UTC).timestamp() - now, 0.0)
