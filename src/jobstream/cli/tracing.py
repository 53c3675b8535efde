"""Where exchanges go: a file of JSON lines, the log, or nowhere. They are redacted when they are made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jobstream.errors import UsageError
from jobstream.records.trace import unwatched

if TYPE_CHECKING:
    from jobstream.records.trace import Sink, Trace


@contextlib.contextmanager
def traced(path: str | None) -> Iterator[Sink]:
    """The sink of `--trace FILE`: one object an exchange, added to what is there. Raises UsageError."""
    if path is None:
        yield unwatched
        return
    import msgspec

    try:
        out = Path(path).open("ab")  # noqa: SIM115  closed below
    except OSError as e:
        raise UsageError(f"cannot be written: {e.strerror}", where=path) from e
    with out:

        def write(t: Trace) -> None:
            out.write(msgspec.json.encode(t) + b"\n")
            out.flush()

        yield write


def line(t: Trace) -> str:
    """`POST https://api.x.com/exports: 202 in 0.31 s, accept (Async Job -- Create)`."""
    return f"{t.method} {t.url}: {t.code or 'no answer'} in {t.took:.2f} s, {t.verdict} ({t.title})"
