"""Which bytes of a body are there, whether they may be gone on with, and what was told of the whole. Pure; RFC 9110."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import BinaryIO

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)$")
_NAMES = {"md5": "md5", "sha": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
_BY_LENGTH = {16: "md5", 20: "sha1", 32: "sha256", 64: "sha512"}


def mark_of(headers: Mapping[str, str]) -> dict[str, str]:
    """What is noted with the first bytes of a body: a validator, its length, its digest; each where it was told."""
    mark = {"length": headers.get("content-length", ""), "digest": told_digest(headers)}
    if headers.get("accept-ranges", "").strip().lower() != "none":
        mark |= {"etag": _strong(headers.get("etag", "")), "modified": _modified(headers)}
    return {k: v for k, v in mark.items() if v}


def asking(offset: int, mark: Mapping[str, str]) -> dict[str, str]:
    """The headers that ask for the rest; none where nothing says that it would be the rest of the same bytes."""
    validator = mark.get("etag") or mark.get("modified")
    return {"Range": f"bytes={offset}-", "If-Range": validator} if offset and validator else {}


def goes_on(headers: Mapping[str, str], offset: int, mark: Mapping[str, str]) -> bool:
    """Whether a 206 is the rest of what is there."""
    got = _RANGE.match(headers.get("content-range", ""))
    if got is None or got[1] is None or int(got[1]) != offset:
        return False
    etag = _strong(headers.get("etag", ""))
    length = mark.get("length", "")
    return (not etag or not mark.get("etag") or etag == mark["etag"]) and (got[3] == "*" or length in ("", got[3]))


def is_whole(headers: Mapping[str, str], offset: int, mark: Mapping[str, str]) -> bool:
    """Whether a 416 says that nothing is missing."""
    got = _RANGE.match(headers.get("content-range", ""))
    return got is not None and got[3] == str(offset) and mark.get("length", "") in ("", got[3])


def total_of(headers: Mapping[str, str], mark: Mapping[str, str]) -> int | None:
    """The length of the whole, in raw bytes, as far as it was told."""
    got = _RANGE.match(headers.get("content-range", ""))
    told = got[3] if got is not None else mark.get("length", "")
    return int(told) if told.isdigit() else None


def _strong(etag: str) -> str:
    return "" if etag.startswith("W/") else etag


def _modified(headers: Mapping[str, str]) -> str:
    """A date is a strong validator only where the answer is at least a second younger."""
    modified, date = headers.get("last-modified", ""), headers.get("date", "")
    try:
        then = parsedate_to_datetime(modified)
        fresh = bool(date) and (parsedate_to_datetime(date) - then).total_seconds() < 1
    except (ValueError, TypeError):
        return ""
    return "" if fresh else modified


def told_digest(headers: Mapping[str, str]) -> str:
    """`sha256:…` in hexadecimal of the whole representation; empty where none is told that we know."""
    for header in ("repr-digest", "digest"):
        for item in headers.get(header, "").split(","):
            name, _, value = item.strip().partition("=")
            algorithm = _NAMES.get(name.lower())
            if algorithm is not None and (raw := _base64(value.strip(":"))):
                return f"{algorithm}:{raw.hex()}"
    raw = _base64(headers.get("content-md5", ""))
    return f"md5:{raw.hex()}" if len(raw) == 16 else ""


def spelled_digest(text: str) -> str:
    """A digest as an API spells it: hexadecimal or base64, alone or as `name:value` or `name=value`; the length tells which."""
    name, _, value = (
        text.strip().replace("=", ":", 1).partition(":") if ":" in text or "=" in text.rstrip("=") else ("", "", text.strip())
    )
    value = value.strip(": ")
    raw = (
        bytes.fromhex(value)
        if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", value) and len(value) // 2 in _BY_LENGTH
        else _base64(value)
    )
    algorithm = "blake2b" if "blake2b" in name.lower() else _BY_LENGTH.get(len(raw), "")
    return f"{algorithm}:{raw.hex()}" if algorithm else ""


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def digest_differs(source: BinaryIO, told: str) -> bool:
    """Reads the whole. told: as `told_digest` gives it."""
    algorithm, _, value = told.partition(":")
    size = {"digest_size": len(value) // 2} if algorithm == "blake2b" else {"usedforsecurity": False}
    state = hashlib.new(algorithm, **size)
    while block := source.read(1 << 20):
        state.update(block)
    return state.hexdigest() != value
