"""The functions of Airbyte's templates. Time and ids are handed in. Source: Airbyte CDK, declarative interpolation macros."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jobstream.template.language import TemplateFault
from jobstream.template.moments import instant, iso, parsed, written

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def duration(text: str) -> Any:
    """`PT1H` is a timedelta; years and months make a calendar duration, which datetimes can be added to."""
    import isodate

    try:
        return isodate.parse_duration(text)
    except (isodate.ISO8601Error, TypeError) as e:
        raise TemplateFault(f"{text!r} is no ISO duration") from e


def timestamp(moment: Any) -> int | float:
    """A number is cut to whole seconds, ISO text becomes seconds with their fraction."""
    return int(moment) if isinstance(moment, int | float) else iso(moment).timestamp()


def format_datetime(moment: Any, format: str, input_format: str | None = None) -> str:
    """A datetime, epoch seconds, or text that is ISO or has the input format, written anew. A date is its first instant:
    there the CDK gives the template's own text back."""
    if isinstance(moment, dt.datetime):
        return written(moment, format)
    if isinstance(moment, dt.date):
        return written(dt.datetime(moment.year, moment.month, moment.day, tzinfo=dt.UTC), format)
    if isinstance(moment, int):
        return written(parsed(moment, input_format or "%s"), format)
    return written(parsed(moment, input_format) if input_format else iso(moment), format)


def sanitize_url(text: str) -> str:
    return quote_plus(text)


def camel_case_to_snake_case(text: str) -> str:
    return _CAPITAL.sub("_", text).lower()


def macros(now: Callable[[], float], ids: Callable[[], str]) -> dict[str, Callable[..., Any]]:
    def now_utc() -> dt.datetime:
        return instant(now())

    def today_utc() -> dt.date:
        return now_utc().date()

    def today_with_timezone(zone: str) -> dt.date:
        try:
            return now_utc().astimezone(ZoneInfo(zone)).date()
        except (ZoneInfoNotFoundError, ValueError) as e:
            raise TemplateFault(f"there is no time zone {zone!r}") from e

    def day_delta(num_days: int, format: str = "%Y-%m-%dT%H:%M:%S.%f%z") -> str:
        return written(now_utc() + dt.timedelta(days=num_days), format)

    def generate_uuid() -> str:
        return ids()

    def biggest(*args: Any) -> Any:
        return max(*args)

    def smallest(*args: Any) -> Any:
        return min(*args)

    own = (now_utc, today_utc, today_with_timezone, day_delta, generate_uuid, duration, timestamp, format_datetime,
           sanitize_url, camel_case_to_snake_case)  # fmt: skip
    return {f.__name__: f for f in own} | {"max": biggest, "min": smallest, "str_to_datetime": iso}
