"""Makes the files that are downloaded: the same bytes every time, kept under bench/out/inputs."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import os
from pathlib import Path
from typing import Any, BinaryIO
from xml.sax.saxutils import escape

INPUTS = Path(__file__).parent / "out" / "inputs"
HEADER = "id,email,first_name,last_name,city,country,created_at,amount,status,note"
_FIRST = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Leslie", "Tony", "Margaret", "Niklaus", "Frances", "Ken")
_LAST = ("Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Lamport", "Hoare", "Hamilton", "Wirth", "Allen")
_CITY = (
    "Zürich",
    "London",
    "São Paulo",
    "Kraków",
    "Utrecht",
    "Kyoto",
    "Nairobi",
    "Halifax",
    "東京",
    "Århus",
    "Porto",
    "Lyon",
    "Quito",
)
_COUNTRY = (
    "Switzerland",
    "Great Britain",
    "Brazil",
    "Poland",
    "Netherlands",
    "Japan",
    "Kenya",
    "Canada",
    "Denmark",
    "Portugal",
)
_STATUS = ("subscribed", "unsubscribed", "bounced", "pending", "cleaned")
_NOTE = (
    "called back",
    "asked for a quote",
    "moved to another plan",
    "prefers mail",
    "see the open invoice",
    "no reply since spring",
)
_ODD = ('"said ""yes"" on the phone"', '"two\nlines"', '"a, b, and c"', '"back\\slash and ""quotes"", both"')


def csv_gz(rows: int, *, holes: bool = False) -> Path:
    """`rows` rows of ten text columns, gzip; 2 % have a quoted comma, quote or line break. With `holes` some cells are empty."""
    path = INPUTS / f"{'holes' if holes else 'plain'}-{rows}.csv.gz"
    if not path.exists():
        INPUTS.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(f".{os.getpid()}")
        with half.open("wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0, compresslevel=6) as out:
            out.write((HEADER + "\n").encode())
            for start in range(0, rows, 10_000):
                out.write("".join(_row(n, holes) for n in range(start, min(start + 10_000, rows))).encode())
        half.replace(path)
    return path


def documents(kind: str, rows: int) -> Path:
    """The same rows as JSON lines, one JSON array, or XML (`jsonl`, `json`, `xml`). gzip but XML: the CDK has no XML within gzip."""
    path = INPUTS / f"plain-{rows}.{kind}{'' if kind == 'xml' else '.gz'}"
    if not path.exists():
        INPUTS.mkdir(parents=True, exist_ok=True)
        half, (head, between, tail) = path.with_suffix(f".{os.getpid()}"), _FRAMES[kind]
        with half.open("wb") as raw, _packed(raw, kind) as out:
            out.write(head)
            for n in range(rows):
                row = next(csv.reader(io.StringIO(_row(n, False), newline="")))
                out.write((between if n else b"") + _document(kind, dict(zip(HEADER.split(","), row, strict=True))).encode())
            out.write(tail)
        half.replace(path)
    return path


def _packed(raw: BinaryIO, kind: str) -> Any:
    if kind == "xml":
        return contextlib.nullcontext(raw)
    return gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0, compresslevel=6)


_FRAMES = {"jsonl": (b"", b"\n", b"\n"), "json": (b"[", b",", b"]"), "xml": (b"<rows>", b"", b"</rows>")}


def _document(kind: str, row: dict[str, str]) -> str:
    if kind != "xml":
        return json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return f"<row>{''.join(f'<{k}>{escape(v)}</{k}>' for k, v in row.items())}</row>"


def _row(n: int, holes: bool) -> str:
    x = (n * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
    x ^= x >> 29
    first, last = _FIRST[x % 12], _LAST[(x >> 8) % 11]
    note = _ODD[(x >> 24) % 4] if (x >> 32) % 50 == 0 else f"{_NOTE[(x >> 40) % 6]} {x & 0xFFFFFF:06x}"
    city, status = _CITY[(x >> 16) % 13], _STATUS[(x >> 20) % 5]
    if holes:
        city, note = ("" if (x >> 12) % 5 == 0 else city), ("" if (x >> 13) % 3 == 0 else note)
    return (
        f"{n:08d}-{x >> 36:07x},{first.lower()}.{last.lower()}.{n}@example.org,{first},{last},{city},{_COUNTRY[(x >> 28) % 10]},"
        f"2026-{x % 12 + 1:02d}-{x % 28 + 1:02d}T{x % 24:02d}:{x % 60:02d}:{(x >> 6) % 60:02d}Z,{x % 100000 / 100:.2f},{status},{note}\n"
    )
