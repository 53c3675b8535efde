"""Instants as templates see them: parsed and written in strftime's directives and the CDK's five more. Always UTC inside.

`%s` epoch seconds, `%s_as_float`, `%ms` epoch milliseconds and `%epoch_microseconds` are a whole format; `%_ms` is three
digits within one. Source: Airbyte CDK, DatetimeParser.
"""

from __future__ import annotations

import datetime as dt
import re

from jobstream.template.language import TemplateFault

_UNITS = {"%s": 1_000_000, "%s_as_float": 1_000_000, "%ms": 1_000, "%epoch_microseconds": 1}  # microseconds in one
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SHORT = re.compile(r"(\d{4})(?:-(\d\d))?")


def instant(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def aware(moment: dt.datetime) -> dt.datetime:
    """Without a zone it is UTC; with one it is brought to UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


def iso(text: str) -> dt.datetime:
    """ISO 8601; a year or a year and a month are their first instant. Raises TemplateFault."""
    if short := _SHORT.fullmatch(text.strip()):
        return dt.datetime(int(short[1]), int(short[2] or 1), 1, tzinfo=dt.UTC)
    try:
        return aware(dt.datetime.fromisoformat(text.strip()))
    except ValueError as e:
        raise TemplateFault(f"{text!r} is no ISO date") from e


def parsed(value: object, form: str) -> dt.datetime:
    """Raises TemplateFault where `value` does not have the form."""
    try:
        if form in _UNITS:
            number = float(str(value)) if form == "%s_as_float" else int(str(value))
            return _EPOCH + dt.timedelta(microseconds=round(number * _UNITS[form]))
        return aware(dt.datetime.strptime(str(value), form.replace("%_ms", "%f")))  # noqa: DTZ007  aware() says UTC
    except (ValueError, OverflowError) as e:
        raise TemplateFault(f"{value!r} does not have the format {form!r}") from e


def written(moment: dt.datetime, form: str) -> str:
    """`moment` in its own zone, unless the form counts from the epoch."""
    if form in _UNITS:
        micros = (aware(moment) - _EPOCH) // dt.timedelta(microseconds=1)
        return str(micros / 1_000_000) if form == "%s_as_float" else str(micros // _UNITS[form])
    return moment.strftime(form.replace("%_ms", f"{moment.microsecond // 1000:03d}"))
