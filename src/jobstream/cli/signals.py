"""Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def stopping(stop: asyncio.Event) -> Iterator[list[str]]:
    """Sets `stop` on the first signal; cancels the running task on the second. Yields the names of those that came."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    seen: list[str] = []

    def hear(name: str) -> None:
        seen.append(name)
        if len(seen) == 1:
            stop.set()
        elif task is not None:
            task.cancel()

    signals = (signal.SIGINT, signal.SIGTERM)
    for s in signals:
        loop.add_signal_handler(s, hear, s.name)
    try:
        yield seen
    finally:
        for s in signals:
            loop.remove_signal_handler(s)


def ended_by(seen: list[str]) -> int:
    """The exit code of what did not end well: as a shell tells the signal that came first; 1 where none came."""
    return 128 + signal.Signals[seen[0]] if seen else 1
