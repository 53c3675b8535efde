"""Windows of time; state is merged intervals, so a gap holds it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Annotated, Any

import msgspec

from jobstream.components.cursors.times import Length, TimeFault, instant, length, text_of
from jobstream.components.options import Options, opt
from jobstream.jobs.event import Slice
from jobstream.kinds import Build
from jobstream.plan.notes import Json, Text
from jobstream.records.batch import Batch
from jobstream.records.counts import DataFault
from jobstream.template.language import Scope, TemplateFault

SEEN = "%Y-%m-%dT%H:%M:%S.%fZ"  # of fixed width: text compares as time does
OPEN = "open_end"  # in Slice.extra of a window that ends where time has not: its last grain is not closed
_MILLISECOND = timedelta(milliseconds=1)
#: Formats of fixed width, and what fits them: the largest text is the latest instant.
_ORDERED = {"%Y-%m-%dT%H:%M:%SZ": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", "%Y-%m-%d": r"^\d{4}-\d\d-\d\d$",
            "%Y-%m-%dT%H:%M:%S": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$", "%Y-%m-%d %H:%M:%S": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"}  # fmt: skip


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

    def mistakes(self) -> Iterator[tuple[str, str]]:
        for name in ("step", "granularity", "lookback"):
            yield from _unread(name, getattr(self, name), length)
        for name in ("start", "end"):
            given = getattr(self, name)
            form = given.format if isinstance(given, Moment) and given.format else self.format
            for key, text in _texts(name, given):
                yield from _unread(key, text, partial(instant, form=form))

    def build(self, build: Build) -> object:
        return Windows(self, build.text, build.names)


def _texts(name: str, given: str | Moment | None) -> Iterator[tuple[str, str]]:
    if isinstance(given, Moment):
        yield from ((f"{name}/{key}", text) for key in ("at", "least", "most") if (text := getattr(given, key)))
    elif given is not None:
        yield name, given


def _unread(key: str, value: float | str, read: Callable[[Any], object]) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and "{" in value:
        return
    try:
        read(value)
    except TimeFault as e:
        yield key, str(e)


class Windows:
    """State: {"closed": [[start, end, latest seen or null, end is open], ...]}, merged and in order; the first is what may be relied upon."""

    def __init__(self, options: Datetime, text: Callable[[str], Callable[[Scope], str]], names: Scope) -> None:
        """Raises TemplateFault where the options cannot be read with this config."""
        self._o, self._text, self._names = options, text, names
        self._step, grain, back = (self._length(v) for v in (options.step, options.granularity, options.lookback))
        self._grain, self._lookback = grain, back
        self._formats = (*options.formats, options.format)

    # -- forward: state -> slices

    def slices(self, state: Json, partition: Slice, now: float) -> Iterator[Slice]:
        start = self._instant(self._o.start)
        end = datetime.fromtimestamp(now, UTC) if self._o.end is None else self._instant(self._o.end)
        for lower, upper, last in self._gaps(state, start, end):
            yield from self._cut(max(lower, start), upper, last, partition)

    def _gaps(self, state: Json, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, bool]]:
        """What no interval covers, in order; the last one ends at the end."""
        closed = [(self._time(a), self._time(b), is_open) for a, b, _, is_open in _closed(state)]
        if not closed:
            yield start, end, True
            return
        if start < closed[0][0]:
            yield start, closed[0][0], False
        for (_, before, is_open), (after, _, _) in pairwise(closed):
            yield before if is_open else before + self._grain, after, False
        yield self._back(closed[-1][1], start), end, True

    def _back(self, at: datetime, start: datetime) -> datetime:
        try:
            before: datetime = at - self._lookback
        except (OverflowError, ValueError):
            return start
        return before

    def _cut(self, lower: datetime, upper: datetime, last: bool, partition: Slice) -> Iterator[Slice]:
        while lower < upper:
            boundary = min(self._after(lower), upper)
            final = last and boundary >= upper
            until = boundary if final else max(boundary - self._grain, lower)
            if not (self._o.strict and lower >= until):
                extra = {**partition.extra, OPEN: True} if final else partition.extra
                yield Slice(partition=partition.partition, window=(self._said(lower), self._said(until)), extra=extra)
            lower = boundary

    def _after(self, lower: datetime) -> datetime:
        try:
            after: datetime = lower + self._step
        except (OverflowError, ValueError):
            return datetime.max.replace(tzinfo=UTC)
        return after if after > lower else datetime.max.replace(tzinfo=UTC)

    # -- back: records and closed slices -> state

    def see(self, seen: Json, batch: Batch) -> Json:
        """The latest value, as SEEN; records without the field are passed over. Raises DataFault for one that is no instant."""
        if not batch.has_columns:
            values = {v for r in batch.rows() if (v := r.get(self._o.field)) not in (None, "")}
        elif self._o.field in batch.data.schema.names:
            values = self._candidates(batch.data.column(self._o.field))
        else:
            values = set()
        latest = max((text_of(self._read(v), SEEN) for v in values), default=None)
        return max((v for v in (seen, latest) if v is not None), default=None)

    def _candidates(self, column: Any) -> set[Json]:
        """Values among which the latest is: one, where the largest text is the latest instant, else every distinct one."""
        import pyarrow as pa
        import pyarrow.compute as pc

        compute: Any = pc
        pattern = _ORDERED.get(self._formats[0])
        if pattern and pa.types.is_string(column.type) and not column.null_count and len(column):
            if compute.all(compute.match_substring_regex(column, pattern)).as_py():
                return {compute.max(column).as_py()}
        return {v for v in column.unique().to_pylist() if v not in (None, "")}

    def close(self, state: Json, done: Slice, seen: tuple[Json, ...]) -> Json:
        assert done.window is not None
        most = max((s for s in seen if s is not None), default=None)
        partial = done.window[1] == most  # a part of a result closes up to what was seen, and not all of that grain
        return {"closed": self._merged([*_closed(state), [*done.window, most, partial or bool(done.extra.get(OPEN))]])}

    def value(self, state: Json) -> str | None:
        """What may be relied upon: the latest seen in the first interval, else its start. In the format of the state."""
        closed = _closed(state)
        return self._said(self._time(closed[0][2] or closed[0][0])) if closed else None

    def split(self, piece: Slice) -> tuple[Slice, ...]:
        """Halves; () below two grains."""
        if piece.window is None:
            return ()
        a, b = (self._time(t) for t in piece.window)
        grain = self._step_of_grain()
        middle = self._time(self._said(a + (b - a) / 2))
        if middle <= a or middle + grain >= b:
            return ()
        first = {k: v for k, v in piece.extra.items() if k != OPEN}
        return (Slice(piece.partition, (self._said(a), self._said(middle)), first),
                Slice(piece.partition, (self._said(middle + grain), self._said(b)), piece.extra))  # fmt: skip

    def _step_of_grain(self) -> timedelta:
        a = datetime(2001, 1, 1, tzinfo=UTC)
        return (a + self._grain) - a

    def _merged(self, closed: list[list[Json]]) -> list[list[Json]]:
        out = list[list[Json]]()
        for a, b, most, is_open in sorted(closed, key=lambda x: (self._time(x[0]), self._time(x[1]))):
            if not out or not self._touch(out[-1], a):
                out.append([a, b, most, is_open])
                continue
            start, end, top, was_open = out[-1]
            later = self._time(b) >= self._time(end)
            top = max((m for m in (top, most) if m is not None), default=None)
            out[-1] = [
                start,
                b if later else end,
                top,
                (is_open and was_open if self._time(b) == self._time(end) else is_open) if later else was_open,
            ]
        return out

    def _touch(self, earlier: list[Json], start: Json) -> bool:
        """An open end does not cover its grain: whoever goes on begins in it."""
        end = self._time(earlier[1])
        return end + (timedelta(0) if earlier[3] else max(self._step_of_grain(), _MILLISECOND)) >= self._time(start)

    # -- Airbyte's words for the state of one partition

    def to_airbyte(self, state: Json) -> dict[str, Json]:
        """`{field: value}`; nothing closed: {}."""
        value = self.value(state)
        return {} if value is None else {self._o.field: value}

    def from_airbyte(self, said: dict[str, Json], less: float = 0.0) -> Json:
        """The other way. less: seconds before the value that are to be read again. Raises ValueError."""
        if said.get("state_type") != "date-range":
            try:
                return self._until(said.get(self._o.field), less)
            except DataFault as e:
                raise ValueError(e.seen) from e
        spans = [[*(self._said(self._time(s[end])) for end in ("start", "end")), self._seen(s.get("most_recent_cursor_value")), True]
                 for s in said.get("slices", ())]  # fmt: skip
        return {"closed": self._merged(spans)}

    def _until(self, value: Json, less: float) -> Json:
        """Closed from the configured start; nothing, where the value does not lie behind it."""
        start = self._instant(self._o.start)
        if value is None or (end := self._read(value) - timedelta(seconds=less)) <= start:
            return {"closed": []}
        return {"closed": [[self._said(start), self._said(end), text_of(end, SEEN), True]]}

    def _seen(self, value: Json) -> str | None:
        return None if value is None else text_of(self._read(value), SEEN)

    # -- text and time

    def _instant(self, m: str | Moment) -> datetime:
        moment = Moment(m) if isinstance(m, str) else m
        form = moment.format or self._o.format
        at = self._rendered(moment.at, form)
        if moment.least:
            at = max(at, self._rendered(moment.least, form))
        return min(at, self._rendered(moment.most, form)) if moment.most else at

    def _rendered(self, source: str, form: str) -> datetime:
        try:
            return instant(self._text(source)(self._names), form)
        except TimeFault as e:
            raise TemplateFault(str(e)) from e

    def _length(self, value: float | str) -> Length:
        try:
            return length(value if isinstance(value, float | int) else self._text(value)(self._names))
        except TimeFault as e:
            raise TemplateFault(str(e)) from e

    def _read(self, value: Json) -> datetime:
        for form in self._formats:
            try:
                return instant(value, form)
            except TimeFault:
                continue
        raise DataFault("data.cursor", f"{value!r} is no instant of the form {' or '.join(self._formats)}", "/cursor")

    def _time(self, text: str) -> datetime:
        """Of our own: a window in the format of requests, or what was seen."""
        try:
            return instant(text, self._o.format)
        except TimeFault:
            return instant(text, "iso")

    def _said(self, at: datetime) -> str:
        return text_of(at, self._o.format)


def _closed(state: Json) -> list[list[Json]]:
    """Older states have no fourth member."""
    return [[*s, False][:4] for s in (state or {}).get("closed", [])]
