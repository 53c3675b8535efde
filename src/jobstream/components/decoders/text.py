"""Which characters bytes mean. Never guessed: byte order mark, what the person says, what the header says, else strict UTF-8."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator, Mapping
from email.message import Message
from typing import Any, BinaryIO

import msgspec

from jobstream.plan.notes import Json
from jobstream.records.counts import DataFault
from jobstream.template.language import Scope

#: What msgspec raises for bytes that are no JSON.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_LARGE = 1 << 12  # bytes, from which Arrow is worth its call
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
          (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip


class Utf8:
    """`source` as UTF-8 without its mark. What is UTF-8 already is not changed, and checked unless the reader does. Read forward only."""

    def __init__(self, source: BinaryIO, encoding: str, names: Scope, *, check: bool = True) -> None:
        self._source = source
        head = b""
        while len(head) < 4 and (more := source.read(4 - len(head))):
            head += more
        mark, found = next((m for m in _MARKS if head.startswith(m[0])), (b"", ""))
        self.encoding = _known(found or encoding or charset(names) or "utf-8")
        self._same = self.encoding in ("utf-8", "ascii")
        self._unchecked = self._same and not check
        self._decoder = codecs.getincrementaldecoder("utf-8" if self._same else self.encoding)()
        self._head, self._at = head[len(mark) :], len(mark)

    def read(self, n: int = -1) -> bytes:
        """About n bytes; b"" at the end only. Raises DataFault, naming the byte that cannot be read."""
        while True:
            chunk = self._head or self._source.read(n)
            last, self._head = not chunk, b""
            out = self._checked(chunk, last)
            if out or last:
                return out

    def _checked(self, chunk: bytes, last: bool) -> bytes:
        if self._unchecked:
            return chunk
        before, _ = self._decoder.getstate()
        if self._same and ((not before and chunk.isascii()) or (len(chunk) >= _LARGE and self._is_utf8(before + chunk))):
            self._at += len(chunk)
            return chunk
        try:
            text = self._decoder.decode(chunk, last)
        except UnicodeDecodeError as e:
            at = self._at - len(before) + e.start
            bad = e.object[e.start : e.start + 1].hex()
            raise DataFault("data.encoding", f"byte 0x{bad} at {at} is not {self.encoding} ({e.reason})") from e
        self._at += len(chunk)
        return chunk if self._same else text.encode()

    def _is_utf8(self, text: bytes) -> bool:
        """A character that is cut off at the end goes to the decoder, to be seen with what comes."""
        end = len(text)
        for k in (1, 2, 3):
            if text[-k] >= 0xC0:
                end -= k if text[-k] >= (0, 0xC0, 0xE0, 0xF0)[k] else 0
            if text[-k] < 0x80 or text[-k] >= 0xC0:
                break
        if not is_utf8(text, end):
            return False
        before = self._decoder.getstate()
        self._decoder.reset()
        try:
            self._decoder.decode(text[end:])
        except UnicodeDecodeError:
            self._decoder.setstate(before)
            return False
        return True


def is_utf8(text: bytes, end: int) -> bool:
    """Whether it is up to `end`. Arrow tells three times as fast as Python, but not where the fault is."""
    import pyarrow as pa

    ends: Any = pa.py_buffer(b"".join(n.to_bytes(4, sys.byteorder) for n in (0, end)))
    try:
        pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(text)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _known(name: str) -> str:
    try:
        b" ".decode(name, "ignore")  # refuses codecs that are no character sets, such as rot13
    except LookupError as e:
        raise DataFault("data.encoding", f"no character set is named {name!r}") from e
    return codecs.lookup(name).name


def unknown_charset(name: str) -> Iterator[tuple[str, str]]:
    """As `Options.mistakes` wants it; empty is no mistake."""
    try:
        _known(name or "utf-8")
    except DataFault as e:
        yield "encoding", e.seen


def headers(names: Scope) -> Mapping[str, str]:
    """Of the answer that the bytes came with, names in lower case, where it is known."""
    answer: Json = names.look("answer.headers") if "answer" in names else None
    return answer or {}


def charset(names: Scope) -> str:
    """The charset parameter of the content type; empty where there is none."""
    message = Message()
    message["content-type"] = headers(names).get("content-type", "")
    told = message.get_content_charset("")
    try:
        _known(told)
    except DataFault:  # a header that names no character set says nothing
        return ""
    return told
