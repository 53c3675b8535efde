"""The bytes of files: small ones in memory, large ones in a folder of the system's temporary files, made once and sent from there."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from jobstream.testing.practice.config import Format, PracticeConfig
from jobstream.testing.practice.data import Quirks, mark, pieces

LARGE = 50_000
_KEPT_BYTES = 128 << 20
_Key: TypeAlias = tuple[str, int, Quirks, "Twist", Format]
_FORM = 1  # of the files in the folder: a change of data.py that changes rows counts this up


class Blob(Struct, frozen=True):
    """A file as it goes out. body: bytes, or the path of a prepared file."""

    body: bytes | Path
    size: int
    etag: str


class Twist(Struct, frozen=True):
    """What is done to the compressed bytes. cut: bytes missing at the end, 0 is half, -1 is none."""

    cut: int = -1
    corrupt: bool = False
    members: bool = False
    double: bool = False
    changed: bool = False


class Store:
    """Blobs by what they hold; the newest stay in memory up to _KEPT_BYTES."""

    def __init__(self, config: PracticeConfig) -> None:
        self._config = config
        user = os.getuid() if hasattr(os, "getuid") else 0
        self._folder = Path(config.folder or Path(tempfile.gettempdir()) / f"jobstream-practice-{user}")
        self._kept: OrderedDict[_Key, Blob] = OrderedDict()
        self._held = 0
        self._making = asyncio.Lock()

    def is_gzip(self, format: Format) -> bool:
        return self._config.gzip and format != "xml"

    async def blob(self, part: str, file: int, quirks: Quirks, twist: Twist, format: Format) -> Blob:
        """Large files are made in a thread, one at a time."""
        key = (part, file, quirks, twist, format)
        if (found := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return found
        if self._config.rows < LARGE:
            return self._keep(key, self._small(*key))
        async with self._making:
            return self._kept.get(key) or self._keep(key, await asyncio.to_thread(self._large, *key))

    def _keep(self, key: _Key, blob: Blob) -> Blob:
        self._kept[key] = blob
        self._held += len(blob.body) if isinstance(blob.body, bytes) else 0
        while self._held > _KEPT_BYTES and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self._held -= len(gone.body) if isinstance(gone.body, bytes) else 0
        return blob

    def _small(self, part: str, file: int, quirks: Quirks, twist: Twist, format: Format) -> Blob:
        plain = b"".join(pieces(self._config, part, file, quirks, format))
        body = twisted(plain, twist) if self.is_gzip(format) else plain
        return Blob(body, len(body), _etag(body))

    def _large(self, part: str, file: int, quirks: Quirks, twist: Twist, format: Format) -> Blob:
        path = self._prepared(part, file, quirks, format)
        if twist != Twist() and self.is_gzip(format):
            body = twisted(_inflated(path), twist)
            return Blob(body, len(body), _etag(body))
        return Blob(path, path.stat().st_size, f'"{path.name.split(".")[0]}"')

    def _prepared(self, part: str, file: int, quirks: Quirks, format: Format) -> Path:
        """Written aside and renamed: two servers may make the same file."""
        c = self._config
        told = f"{_FORM}/{mark(c.seed, part)}/{file}/{c.rows}/{format}/{self.is_gzip(format)}/{sorted(quirks)}"
        path = (
            self._folder / f"{hashlib.sha256(told.encode()).hexdigest()[:24]}.{format}{'.gz' if self.is_gzip(format) else ''}"
        )
        if path.exists():
            return path
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=self._folder, prefix="making-")
        try:
            with open(handle, "wb") as out:
                plain = pieces(c, part, file, quirks, format)
                for piece in _deflated(plain) if self.is_gzip(format) else plain:
                    out.write(piece)
            os.replace(aside, path)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
        return path


def twisted(plain: bytes, twist: Twist) -> bytes:
    """Compressed, and then spoiled as told."""
    from isal import igzip

    level = 0 if twist.changed else 2
    if twist.members:
        half = len(plain) // 2
        body = igzip.compress(plain[:half], level) + igzip.compress(plain[half:], level)
    else:
        body = igzip.compress(plain, level)
    if twist.double:
        body = igzip.compress(body, level)
    if twist.corrupt and len(body) > 20:
        spot = 10 + (len(body) - 18) // 2
        body = body[:spot] + bytes([body[spot] ^ 0xFF]) + body[spot + 1 :]
    if twist.cut >= 0:
        body = body[: max(0, len(body) - (twist.cut or len(body) // 2))]
    return body


def _deflated(plain: Iterator[bytes]) -> Iterator[bytes]:
    from isal import isal_zlib

    press = isal_zlib.compressobj(level=2, wbits=31)
    for piece in plain:
        yield press.compress(piece)
    yield press.flush()


def _inflated(path: Path) -> bytes:
    from isal import isal_zlib

    return isal_zlib.decompress(path.read_bytes(), wbits=31)


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
