"""Windows of time; state is merged intervals, so a gap holds it back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from jobstream.components.options import Options, opt
from jobstream.jobs.event import Slice
from jobstream.plan.notes import Json, Text
from jobstream.records.batch import Batch


class Moment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An instant with bounds. format: empty means the cursor's own."""

    at: Annotated[Text, opt("Instant")]
    format: str = ""
    least: Annotated[Text, opt("Not before")] = ""
    most: Annotated[Text, opt("Not after")] = ""


class Datetime(Options, frozen=True):
    """A field that grows with time. Slices are windows; the state is the intervals that are closed, and what was seen in each.

    Slices may close in any order: the value that may be relied upon is that of the first interval. Instants without a zone are UTC.
    Formats are strptime's and, as a whole, `%s` (epoch seconds), `%s_as_float`, `%ms` (epoch milliseconds), `%epoch_microseconds`; inside a
    format `%_ms` is three digits of milliseconds. Durations are seconds or ISO 8601 (`P1M`, `PT0.001S`)."""

    field: Annotated[str, opt("Cursor field", min_length=1)]
    start: Annotated[Text | Moment, opt("Start", "In the format below.")]
    end: Annotated[Text | Moment | None, opt("End", "Empty: now.")] = None
    format: Annotated[str, opt("Format", "Of requests and of the state.", min_length=1)] = "%Y-%m-%dT%H:%M:%SZ"
    formats: Annotated[tuple[str, ...], opt("Formats of records", "Tried in order, before the format above.")] = ()
    step: Annotated[float | Text, opt("Window", "0: one window.", unit="seconds or ISO 8601")] = 0
    granularity: Annotated[
        float | Text,
        opt("Granularity", "The smallest step of the field; 0: neighbours share their boundary.", unit="seconds or ISO 8601"),
    ] = 1
    lookback: Annotated[float | Text, opt("Look back", "Read again before the state.", unit="seconds or ISO 8601")] = 0
    names: Annotated[tuple[str, str], opt("Names", "What templates call the two ends of a window.", advanced=True)] = (
        "start_time",
        "end_time",
    )
    strict: Annotated[bool, opt("Skip empty windows", "A window whose ends are equal is left out.", advanced=True)] = False

    def slices(self, state: Json, partition: Slice, now: float) -> Iterator[Slice]:
        grain = timedelta(seconds=self.granularity)
        lower, end = self._from(state), datetime.fromtimestamp(now, UTC)
        while lower < end:
            upper = end if not self.step else min(lower + timedelta(seconds=self.step), end)
            until = upper if upper == end else upper - grain
            yield Slice(partition=partition.partition, window=(self._text(lower), self._text(until)), extra=partition.extra)
            lower = upper

    def see(self, seen: Json, batch: Batch) -> Json:
        """The largest value; records without the field are passed over."""
        values = [r[self.field] for r in batch.rows() if r.get(self.field) is not None] if isinstance(batch.data, list) else (
            [v for v in batch.data.column(self.field).to_pylist() if v is not None] if self.field in batch.data.schema.names else [])  # fmt: skip
        return max([*values, *([seen] if seen is not None else [])], default=None)

    def close(self, state: Json, done: Slice, seen: tuple[Json, ...]) -> Json:
        assert done.window is not None
        most = max((s for s in seen if s is not None), default=None)
        return {"closed": self._merged([*(state or {}).get("closed", []), [done.window[0], done.window[1], most]])}

    def value(self, state: Json) -> str | None:
        """What may be relied upon: the largest seen in the first interval, else its start."""
        closed = (state or {}).get("closed", [])
        return (closed[0][2] or closed[0][0]) if closed else None

    def split(self, piece: Slice) -> tuple[Slice, ...]:
        """Halves; () below two grains."""
        if piece.window is None:
            return ()
        a, b = self._time(piece.window[0]), self._time(piece.window[1])
        grain = timedelta(seconds=self.granularity)
        middle = a + (b - a) / 2
        middle = self._time(self._text(middle))
        if middle <= a or middle + grain >= b:
            return ()
        windows = ((a, middle), (middle + grain, b))
        return tuple(Slice(piece.partition, (self._text(x), self._text(y)), piece.extra) for x, y in windows)

    def _from(self, state: Json) -> datetime:
        closed = (state or {}).get("closed", [])
        start = self._time(self.start)
        if not closed or self._time(closed[0][0]) > start:
            return start
        return max(start, self._time(closed[0][1]) - timedelta(seconds=self.lookback))

    def _merged(self, closed: list[list[Json]]) -> list[list[Json]]:
        grain, out = timedelta(seconds=self.granularity), list[list[Json]]()
        for a, b, most in sorted(closed, key=lambda x: self._time(x[0])):
            if out and self._time(out[-1][1]) + grain >= self._time(a):
                last = out[-1]
                top = max((m for m in (last[2], most) if m is not None), default=None)
                out[-1] = [last[0], max(last[1], b, key=self._time), top]
            else:
                out.append([a, b, most])
        return out

    def _time(self, text: str) -> datetime:
        return datetime.strptime(text, self.format).replace(tzinfo=UTC)

    def _text(self, at: datetime) -> str:
        return at.strftime(self.format)
