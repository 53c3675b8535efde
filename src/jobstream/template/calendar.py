"""Dates as Celigo's helpers have them: Moment's tokens. Time is handed in.

Known tokens: YYYY YY M MM MMM MMMM D DD Do d ddd dddd H HH h hh m mm s ss S SS SSS A a Z ZZ X x, and [text].
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jobstream.plan.notes import Json
from jobstream.template.language import TemplateFault
from jobstream.template.moments import instant, iso

_TOKEN = re.compile(r"\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|Do|DD|D|dddd|ddd|d|HH|H|hh|h|mm|m|ss|s|SSS|SS|S|A|a|ZZ|Z|X|x")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_ISO = "YYYY-MM-DD[T]HH:mm:ss.SSSZ"


def _offset(moment: dt.datetime, colon: str) -> str:
    minutes = int((moment.utcoffset() or dt.timedelta()).total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{colon}{abs(minutes) % 60:02d}"


def _ordinal(n: int) -> str:
    return f"{n}{'th' if 10 < n % 100 < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


_WRITE: dict[str, Callable[[dt.datetime], str]] = {
    "YYYY": lambda d: f"{d.year:04d}", "YY": lambda d: f"{d.year % 100:02d}", "M": lambda d: str(d.month), "MM": lambda d: f"{d.month:02d}",
    "MMM": lambda d: _MONTHS[d.month - 1][:3], "MMMM": lambda d: _MONTHS[d.month - 1], "D": lambda d: str(d.day),
    "DD": lambda d: f"{d.day:02d}", "Do": lambda d: _ordinal(d.day), "d": lambda d: str(d.isoweekday() % 7),
    "ddd": lambda d: _DAYS[d.isoweekday() % 7][:3], "dddd": lambda d: _DAYS[d.isoweekday() % 7], "H": lambda d: str(d.hour),
    "HH": lambda d: f"{d.hour:02d}", "h": lambda d: str((d.hour + 11) % 12 + 1), "hh": lambda d: f"{(d.hour + 11) % 12 + 1:02d}",
    "m": lambda d: str(d.minute), "mm": lambda d: f"{d.minute:02d}", "s": lambda d: str(d.second), "ss": lambda d: f"{d.second:02d}",
    "S": lambda d: str(d.microsecond // 100_000), "SS": lambda d: f"{d.microsecond // 10_000:02d}",
    "SSS": lambda d: f"{d.microsecond // 1000:03d}", "A": lambda d: "AM" if d.hour < 12 else "PM",
    "a": lambda d: "am" if d.hour < 12 else "pm", "Z": lambda d: _offset(d, ":"), "ZZ": lambda d: _offset(d, ""),
    "X": lambda d: str(int(d.timestamp())), "x": lambda d: str(int(d.timestamp() * 1000)),
}  # fmt: skip
_READ: dict[str, str] = {
    "YYYY": r"(?P<YYYY>\d{4})", "YY": r"(?P<YY>\d\d)", "M": r"(?P<M>\d\d?)", "MM": r"(?P<M>\d\d?)", "D": r"(?P<D>\d\d?)",
    "DD": r"(?P<D>\d\d?)", "H": r"(?P<H>\d\d?)", "HH": r"(?P<H>\d\d?)", "h": r"(?P<h>\d\d?)", "hh": r"(?P<h>\d\d?)", "m": r"(?P<m>\d\d?)",
    "mm": r"(?P<m>\d\d?)", "s": r"(?P<s>\d\d?)", "ss": r"(?P<s>\d\d?)", "S": r"(?P<S>\d)", "SS": r"(?P<S>\d\d)", "SSS": r"(?P<S>\d{1,3})",
    "A": r"(?P<A>[AaPp][Mm])", "a": r"(?P<A>[AaPp][Mm])", "Z": r"(?P<Z>Z|[+-]\d\d:?\d\d)", "ZZ": r"(?P<Z>Z|[+-]\d\d:?\d\d)",
    "X": r"(?P<X>-?\d{1,11})", "x": r"(?P<x>-?\d{1,14})", "MMM": r"(?P<MMM>[A-Za-z]{3})", "MMMM": r"(?P<MMM>[A-Za-z]{3})[a-z]{0,7}",
}  # fmt: skip


def by_moment(moment: dt.datetime, form: str) -> str:
    return _TOKEN.sub(lambda m: m[1] if m[1] is not None else _WRITE[m[0]](moment), form)


def from_moment(text: str, form: str, zone: dt.tzinfo) -> dt.datetime:
    """Raises TemplateFault where the text does not have the form."""
    out, at = [], 0
    for m in _TOKEN.finditer(form):
        token = re.escape(m[1]) if m[1] is not None else _READ.get(m[0])
        if token is None:
            raise TemplateFault(f"dates cannot be read by {m[0]!r}")
        out += [re.escape(form[at : m.start()]), token]
        at = m.end()
    pattern = "".join(out) + re.escape(form[at:])
    try:
        found = re.fullmatch(pattern, text.strip())
        if found is None:
            raise TemplateFault(f"{text!r} does not have the format {form!r}")
        return _composed(found.groupdict(), zone)
    except (re.error, ValueError, OverflowError) as e:
        raise TemplateFault(f"{text!r} cannot be read by {form!r}: {e}") from e


def _composed(part: dict[str, Any], zone: dt.tzinfo) -> dt.datetime:
    if "X" in part or "x" in part:
        return instant(int(part["X"]) if "X" in part else int(part["x"]) / 1000)
    hour = int(part.get("H", part.get("h", 0)))
    if "A" in part:
        hour = hour % 12 + (12 if part["A"].lower() == "pm" else 0)
    month = [m[:3].lower() for m in _MONTHS].index(part["MMM"].lower()) + 1 if "MMM" in part else int(part.get("M", 1))
    year = int(part["YYYY"]) if "YYYY" in part else 2000 + int(part.get("YY", 0))
    micros = int(part.get("S", "0").ljust(6, "0"))
    moment = dt.datetime(year, month, int(part.get("D", 1)), hour, int(part.get("m", 0)), int(part.get("s", 0)), micros, zone)
    if part.get("Z") not in (None, "Z"):
        sign, digits = part["Z"][0], part["Z"][1:].replace(":", "")
        shift = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return moment.replace(tzinfo=dt.timezone(shift if sign == "+" else -shift))
    return moment.replace(tzinfo=dt.UTC) if part.get("Z") == "Z" else moment


def _zone(name: str) -> dt.tzinfo:
    try:
        return ZoneInfo(name) if name else dt.UTC
    except (ZoneInfoNotFoundError, ValueError) as e:
        raise TemplateFault(f"there is no time zone {name!r}") from e


def calendar(now: Callable[[], float]) -> Mapping[str, Callable[..., Json]]:
    def read(date: Json, form: str, zone: dt.tzinfo) -> dt.datetime:
        if date in (None, ""):
            return instant(now())
        if form:
            return from_moment(str(date), form, zone)
        return instant(date / 1000) if isinstance(date, int | float) else iso(date)

    def date_format(out: str, date: Json = None, form: str = "", zone: str = "") -> str:
        """An absent date is now; without a format it is ISO text or milliseconds."""
        return by_moment(read(date, form or "", _zone(zone)).astimezone(_zone(zone)), out)

    def date_add(date: Json, milliseconds: float = 0, zone: str = "") -> str:
        try:
            return _utc(read(date, "", _zone(zone)) + dt.timedelta(milliseconds=float(milliseconds)))
        except OverflowError as e:
            raise TemplateFault(f"dateAdd: {e}") from e

    def timestamp(form: str = "", zone: str = "") -> str:
        moment = instant(now()).astimezone(_zone(zone))
        return by_moment(moment, form) if form else _utc(moment)

    return {"dateFormat": date_format, "dateAdd": date_add, "timestamp": timestamp}


def _utc(moment: dt.datetime) -> str:
    return by_moment(moment.astimezone(dt.UTC), _ISO).replace("+00:00", "Z")
