"""A small answer: taken off the line, unpacked, read by the stream's own format, kept as JSON."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Mapping
from functools import lru_cache

import msgspec

from jobstream.jobs.event import Answer
from jobstream.kinds import Decoder, Wire
from jobstream.plan.component import Component
from jobstream.plan.exchange import Reading
from jobstream.plan.notes import Json
from jobstream.ports import Incoming, NoAnswer, Spool, SpoolLost
from jobstream.records.counts import DataFault, Tally
from jobstream.records.inflate import unpacked
from jobstream.template.language import Scope, TemplateFault

PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")


class Reader:
    """The decoders of small answers of one stream, built when first needed."""

    def __init__(self, build: Callable[[Component], Decoder] | None = None) -> None:
        self._build = build
        self._built: dict[bytes, Decoder] = {}

    def value(self, reading: Reading, raw: bytes, names: Scope, coding: str = "") -> bytes:
        """The body as JSON. What cannot be read stays as it came: rules that look for a text still find it."""
        raw = inflated(raw, reading.most, coding)
        if reading.body == "none":
            return b""
        if reading.body == "text":
            return msgspec.json.encode(raw.decode("utf-8", "replace"))
        if reading.decoder is None or not raw:
            return raw
        decoder = self._decoder(reading.decoder)
        try:
            documents = [r for b in decoder.decode(io.BytesIO(raw), Tally(), names) for r in b.rows()]
        except DataFault:
            return raw
        return msgspec.json.encode(documents[0] if len(documents) == 1 else documents) if documents else b""

    def _decoder(self, c: Component) -> Decoder:
        key = msgspec.json.encode(c)
        if key not in self._built:
            assert self._build is not None, "a plan with answer formats needs a catalog"
            self._built[key] = self._build(c)
        return self._built[key]


def coding_of(headers: Mapping[str, str]) -> str:
    """What no first bytes tell; the rest is recognised by content."""
    coding = headers.get("content-encoding", "").strip().lower()
    return "" if coding in ("", "identity", "gzip", "x-gzip", "zstd") else coding


def inflated(raw: bytes, most: int, coding: str = "") -> bytes:
    """Without its compression, if it has one and can be read; never more than 64 times `most`."""
    if not coding and not raw.startswith(PACKED):
        return raw
    try:
        return b"".join(s.read() for s in unpacked(io.BytesIO(raw), most=most << 6, coding=coding))
    except (DataFault, OSError, EOFError):
        return raw


def said(wire: Wire) -> dict[str, Json]:
    """The request as templates see it: without what signing has put there."""
    hidden = {name.lower() for name in wire.credentials}
    headers = {k: v for k, v in wire.headers.items() if k.lower() not in hidden}
    return {"method": wire.method, "url": wire.url, "headers": headers, "body": wire.body.decode("utf-8", "replace")}


def answer_of(got: Incoming, body: bytes = b"") -> Answer:
    return Answer(got.code, got.headers, body, got.url, via=got.via)


def whole(got: Incoming, n: int, method: str) -> None:
    """Raises NoAnswer where fewer or more bytes came than were told."""
    told = got.headers.get("content-length", "")
    if told.isdigit() and int(told) != n and method != "HEAD" and got.code not in (204, 304):
        raise NoAnswer(f"{n} of {told} bytes")


async def peek(got: Incoming, most: int) -> tuple[bytes, Incoming | None]:
    """The body, if it is at most `most` bytes; else b'' and the answer with all its chunks ahead of it again."""
    chunks: list[bytes] = []
    n = 0
    stream = got.chunks()
    async for chunk in stream:
        chunks.append(chunk)
        n += len(chunk)
        if n > most:
            return b"", _Rest(got, chunks, stream)
    return b"".join(chunks), None


def recalls(spool: Spool) -> Callable[[str], Json]:
    """Long answers, read back; the last two are held."""

    @lru_cache(maxsize=2)
    def recall(name: str) -> Json:
        try:
            with spool.open(name) as source:
                return msgspec.json.decode(source.read())
        except SpoolLost as e:
            raise TemplateFault(f"the answer {name} is no longer in the spool") from e

    return recall


async def once(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body


class _Rest:
    def __init__(self, got: Incoming, chunks: list[bytes], stream: AsyncIterator[bytes]) -> None:
        self.code, self.headers, self.url, self.via = got.code, got.headers, got.url, got.via
        self._got, self._first, self._stream = got, chunks, stream

    async def close(self) -> None:
        await self._got.close()

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in self._first:
            yield chunk
        async for chunk in self._stream:
            yield chunk
