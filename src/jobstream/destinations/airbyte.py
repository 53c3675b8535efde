"""RECORD, STATE and stream statuses of the Airbyte protocol on standard output; logs go the same way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import ClassVar, Literal, Protocol

import msgspec

from jobstream.destinations.pipe import Pipe
from jobstream.errors import Defect, KeepingError
from jobstream.plan.notes import Json
from jobstream.records.batch import Batch, PartKey
from jobstream.records.lines import record_lines

_ENCODER = msgspec.json.Encoder()
_WIDE = 100  # partitions; a state of more is said now and then only, or states would outweigh records
_PAUSE = 60.0  # seconds between two wide states


class Speaks(Protocol):
    """The words of the protocol: `dialects.airbyte.states.Speech`."""

    def state(self, stream: str, state: Json, position: int, count: int) -> dict[str, Json]: ...
    def status(
        self, stream: str, status: Literal["STARTED", "RUNNING", "COMPLETE", "INCOMPLETE"], at_ms: int
    ) -> dict[str, Json]: ...
    def log(self, level: int, text: str, stack: str | None) -> dict[str, Json]: ...


class Airbyte:
    """The platform keeps what stands before the last STATE, and hands that STATE to the next run: the receipt.

    begin and end frame a stream: STARTED, RUNNING with its first record, COMPLETE or INCOMPLETE. now: seconds since 1970,
    asked once a batch."""

    receipts: ClassVar[Literal["kept", "lent"]] = "lent"
    retracts: ClassVar[bool] = False

    def __init__(self, pipe: Pipe, speaks: Speaks, now: Callable[[], float]) -> None:
        self._pipe, self._speaks, self._now = pipe, speaks, now
        self._guard = threading.RLock()
        self._counts: dict[str, int] = {}  # records since the last STATE
        self._running = set[str]()
        self._held: dict[str, tuple[Json, int]] = {}  # wide states not yet said
        self._last: dict[str, float] = {}

    def say(self, message: dict[str, Json]) -> None:
        """Any other message, between two batches."""
        self._pipe.write(_ENCODER.encode(message) + b"\n")

    def begin(self, stream: str) -> None:
        self.say(self._speaks.status(stream, "STARTED", self._ms()))

    def end(self, stream: str, complete: bool) -> None:
        """The last state, if it was held back, stands before the status."""
        with self._guard:
            if stream in self._held:
                self._state(stream, *self._held.pop(stream))
            self.say(self._speaks.status(stream, "COMPLETE" if complete else "INCOMPLETE", self._ms()))

    def write(self, key: PartKey, epoch: int, batches: Iterator[Batch]) -> str:
        """Raises ReaderGone, KeepingError."""
        n = 0
        for batch in batches:
            at_ms = self._ms()
            lines = record_lines(batch, key.stream, at_ms)
            with self._guard:
                self._held.pop(key.stream, None)  # it does not cover the lines that come now
                if key.stream not in self._running:
                    self._running.add(key.stream)
                    self.say(self._speaks.status(key.stream, "RUNNING", at_ms))
                self._pipe.write(lines)
                self._counts[key.stream] = self._counts.get(key.stream, 0) + len(batch)
            n += len(batch)
        return f"{n} records on standard output"

    def retract(self, stream: str, job: str, attempt: int, epoch: int) -> None:
        raise Defect("lines that were written cannot be taken back")

    def checkpoint(self, stream: str, state: Json, position: int) -> None:
        with self._guard:
            now = self._now()
            if isinstance(state, dict) and len(state) > _WIDE and now < self._last.get(stream, float("-inf")) + _PAUSE:
                self._held[stream] = state, position
                return
            self._held.pop(stream, None)
            self._last[stream] = now
            self._state(stream, state, position)

    def _state(self, stream: str, state: Json, position: int) -> None:
        self.say(self._speaks.state(stream, state, position, self._counts.pop(stream, 0)))

    def _ms(self) -> int:
        return int(self._now() * 1000)


class Log(logging.Handler):
    """Python's logging as LOG lines, never inside a batch. A reader who has gone is not told of it again."""

    def __init__(self, pipe: Pipe, speaks: Speaks) -> None:
        super().__init__()
        self._pipe, self._speaks = pipe, speaks

    def emit(self, record: logging.LogRecord) -> None:
        stack = logging.Formatter().formatException(record.exc_info) if record.exc_info else None
        try:
            self._pipe.write(_ENCODER.encode(self._speaks.log(record.levelno, record.getMessage(), stack)) + b"\n")
        except KeepingError:
            self.setLevel(logging.CRITICAL + 1)
