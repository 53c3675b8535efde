"""Instants as text, and lengths of time. Formats are strptime's and four of Airbyte's: `%s`, `%s_as_float`, `%ms`, `%epoch_microseconds`
as a whole format, `%_ms` inside one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

import isodate

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = {"%s": 1_000_000, "%s_as_float": 1_000_000, "%ms": 1000, "%epoch_microseconds": 1}
_MS = "%_ms"

Length: TypeAlias = "timedelta | isodate.Duration"


class TimeFault(ValueError):
    """Text that is no instant or no length of time. The message says what was seen."""


def instant(value: object, form: str) -> datetime:
    """Aware, UTC. Text without a zone is UTC. Raises TimeFault."""
    text = str(value)
    try:
        if form in _MICROSECONDS:
            return _EPOCH + timedelta(microseconds=int(Decimal(text) * _MICROSECONDS[form]))
        # %f reads three digits too; a zone may be in the format
        at = datetime.fromisoformat(text.strip()) if form == "iso" else datetime.strptime(text, form.replace(_MS, "%f"))  # noqa: DTZ007
    except (ValueError, InvalidOperation, OverflowError) as e:
        raise TimeFault(f"{text!r} is no instant of the form {form!r}") from e
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def text_of(at: datetime, form: str) -> str:
    if form == "iso":
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if form == "%s_as_float":
        return str((at - _EPOCH) / timedelta(seconds=1))
    if form in _MICROSECONDS:
        return str((at - _EPOCH) // timedelta(microseconds=_MICROSECONDS[form]))
    return at.strftime(form.replace(_MS, f"{at.microsecond // 1000:03d}"))


def length(value: float | str) -> Length:
    """Seconds or ISO 8601 text; months and years stay what they are. Raises TimeFault."""
    text = str(value).strip()
    try:
        return timedelta(seconds=float(text or 0))
    except ValueError:
        pass
    try:
        return isodate.parse_duration(text)
    except (ValueError, TypeError) as e:
        raise TimeFault(f"{text!r} is no length of time: seconds or ISO 8601, such as P1M or PT0.001S") from e
