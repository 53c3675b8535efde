"""Rows: the same for the same seed, part and number, so that a test can say what must arrive."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from itertools import chain
from typing import TypeAlias
from xml.sax.saxutils import escape

import msgspec

from jobstream.testing.practice.config import Format, PracticeConfig
from jobstream.testing.practice.faults import quirks_of

COLUMNS = ("CONTACT_ID", "EMAIL", "FIRST_NAME", "LAST_NAME", "CITY", "COUNTRY", "POSTAL_CODE", "PHONE_NUMBER", "CREATED_AT", "UPDATED_AT")  # fmt: skip
Quirks: TypeAlias = frozenset[str]

_FIRST = ("Ada", "Barbara", "Chen", "Dara", "Edsger", "Frances", "Grace", "Hedy", "Ines", "Jun", "Katherine", "Linus", "Mary")
_LAST = ("Ahmed", "Berger", "Costa", "Dijk", "Eriksen", "Fontaine", "Garcia", "Hopper", "Ito", "Jansen", "Kowalski")
_CITY = ("Oslo", "Lagos", "Lima", "Osaka", "Porto", "Quito", "Rome")
_COUNTRY = ("NO", "NG", "PE", "JP", "PT", "EC", "IT")
_PERIOD = len(_FIRST) * len(_LAST) * len(_CITY)
_CHUNK = 20_000


def _instants(year: int) -> list[str]:
    days = [f"{year}-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    return [f"{day}T{hour:02d}:30:00Z" for day in days for hour in range(24)]


_MADE, _CHANGED = _instants(2024), _instants(2025)


def _person(n: int) -> tuple[str, str, str, str]:
    return _FIRST[n % len(_FIRST)], _LAST[n % len(_LAST)], _CITY[n % len(_CITY)], _COUNTRY[n % len(_COUNTRY)]


_PEOPLE = [_person(n) for n in range(_PERIOD)]
_MIDDLE = [",".join(p) for p in _PEOPLE]
_EMAIL = [f"{first}.{last}".lower() for first, last, _, _ in _PEOPLE]


def mark(seed: int, part: str) -> str:
    """What the ids of a part begin with: 8 hexadecimal characters."""
    return hashlib.sha256(f"{seed}/{part}".encode()).hexdigest()[:8]


def row(seed: int, part: str, n: int, quirks: Quirks = frozenset()) -> tuple[str, ...]:
    """The n-th row of a part, counted over all its files, in the order of COLUMNS."""
    first, last, city, country = _PEOPLE[n % _PERIOD]
    if "latin-1" in quirks:
        last = f"{last}-Müß"
    if "nul" in quirks and n % 3 == 0:
        first = f"{first[:1]}\0{first[1:]}"
    if "quoted-newlines" in quirks and n % 2 == 0:
        city = f'{city},\n"old town"\r\nno. {n}'
    moment = n % len(_MADE)
    return (
        f"{mark(seed, part)}-{n:08d}", f"{_EMAIL[n % _PERIOD]}.{n}@example.com", first, last, city, country,
        f"{n * 7919 % 100_000:05d}", f"+{n * 2_654_435_761 % 100_000_000_000:011d}", _MADE[moment], _CHANGED[moment],
    )  # fmt: skip


def expected_rows(
    config: PracticeConfig, part: str = "", *, job: int | None = None, files: tuple[int, ...] | None = None
) -> Iterator[dict[str, str]]:
    """What must arrive of one job over `part`: its files in order, each row as the file's text.

    part   what the create asked for: see jobs.part_of; "" where it asked for nothing
    job    the number of the job, where faults of config.faults are for one job
    Rows that are too short or too long (ragged) are left out: what becomes of them is the reader's policy. CSV cannot tell
    a field with NUL bytes from one without where a reader drops them; they are given here.
    """
    for file in range(config.files) if files is None else files:
        quirks = quirks_of(config.faults, job, file)
        for n in numbers(config, file, quirks):
            if not ("ragged" in quirks and n % 10 in (3, 7)):
                yield dict(zip(COLUMNS, row(config.seed, part, n, quirks), strict=True))


def numbers(config: PracticeConfig, file: int, quirks: Quirks) -> range:
    if quirks & {"empty-file", "header-only"}:
        return range(0)
    return range(file * config.rows, (file + 1) * config.rows)


def pieces(config: PracticeConfig, part: str, file: int, quirks: Quirks, format: Format) -> Iterator[bytes]:
    """The file, before compression, in pieces of at most _CHUNK rows."""
    if "empty-file" in quirks:
        return iter(())
    wanted = numbers(config, file, quirks)
    spans = [range(start, min(start + _CHUNK, wanted.stop)) for start in range(wanted.start, wanted.stop, _CHUNK)]
    match format:
        case "csv":
            return _csv(config, part, spans, quirks)
        case "jsonl":
            return (b"".join(msgspec.json.encode(r) + b"\n" for r in _records(config, part, s, quirks)) for s in spans)
        case "json":
            return _json(config, part, spans, quirks)
        case "xml":
            return _xml(config, part, spans, quirks)


def _records(config: PracticeConfig, part: str, span: range, quirks: Quirks) -> Iterator[dict[str, str]]:
    return (dict(zip(COLUMNS, row(config.seed, part, n, quirks), strict=True)) for n in span)


def _csv(config: PracticeConfig, part: str, spans: list[range], quirks: Quirks) -> Iterator[bytes]:
    comma = ";" if "semicolons" in quirks else ","
    charset = "iso-8859-1" if "latin-1" in quirks else "utf-8-sig" if "bom" in quirks else "utf-8"
    yield (comma.join(COLUMNS) + "\n").encode(charset)
    charset = "utf-8" if charset == "utf-8-sig" else charset
    plain = quirks <= {"bom"}
    for span in spans:
        text = _plain(config.seed, part, span) if plain else _written(config, part, span, quirks, comma)
        yield text.encode(charset)


def _plain(seed: int, part: str, span: range) -> str:
    """The same as row(), six times as fast: one text of a row."""
    id, period, made = mark(seed, part), _PERIOD, len(_MADE)
    return "".join(
        [
            f"{id}-{n:08d},{_EMAIL[n % period]}.{n}@example.com,{_MIDDLE[n % period]},{n * 7919 % 100_000:05d},"
            f"+{n * 2_654_435_761 % 100_000_000_000:011d},{_MADE[n % made]},{_CHANGED[n % made]}\n"
            for n in span
        ]
    )


def _written(config: PracticeConfig, part: str, span: range, quirks: Quirks, comma: str) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=comma, lineterminator="\n")
    for n in span:
        fields = row(config.seed, part, n, quirks)
        if "ragged" in quirks and n % 10 == 3:
            fields = fields[:-2]
        if "ragged" in quirks and n % 10 == 7:
            fields = (*fields, "one too many")
        writer.writerow(fields)
    return out.getvalue()


def _json(config: PracticeConfig, part: str, spans: list[range], quirks: Quirks) -> Iterator[bytes]:
    yield b"["
    comma = b""
    for record in chain.from_iterable(_records(config, part, span, quirks) for span in spans):
        yield comma + msgspec.json.encode(record)
        comma = b","
    yield b"]"


def _xml(config: PracticeConfig, part: str, spans: list[range], quirks: Quirks) -> Iterator[bytes]:
    charset = "iso-8859-1" if "latin-1" in quirks else "utf-8"
    yield f'<?xml version="1.0" encoding="{charset}"?>\n<contacts>\n'.encode(charset)
    for record in chain.from_iterable(_records(config, part, span, quirks) for span in spans):
        fields = "".join(f"<{k}>{escape(v, {chr(13): '&#13;'})}</{k}>" for k, v in record.items())
        yield f"<contact>{fields}</contact>\n".encode(charset)
    yield b"</contacts>\n"
