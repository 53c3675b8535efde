"""A spool in memory; it can forget, as another machine's does."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO

from jobstream.ports import SpoolLost


class MemoryWriting:
    """A crash loses the last chunk, no more: what came before it is on the disk."""

    def __init__(self, spool: MemorySpool, name: str) -> None:
        self._spool, self._name, self._last = spool, name, b""
        self._raw, self.mark = spool.unfinished.get(name, (b"", {}))

    @property
    def offset(self) -> int:
        return len(self._raw) + len(self._last)

    async def restart(self, mark: dict[str, str]) -> None:
        self._raw, self._last, self.mark = b"", b"", mark
        self._spool.unfinished[self._name] = (b"", mark)

    async def write(self, chunk: bytes) -> None:
        self._raw, self._last = self._raw + self._last, chunk
        self._spool.unfinished[self._name] = (self._raw, self.mark)

    async def keep(self) -> tuple[int, str]:
        self._spool.alive("spool")
        whole = self._raw + self._last
        self._spool.files[self._name] = whole
        self._spool.unfinished.pop(self._name, None)
        return len(whole), hashlib.blake2b(whole, digest_size=16).hexdigest()

    async def leave(self) -> None:
        self._spool.alive("leave")
        self._spool.unfinished[self._name] = (self._raw + self._last, self.mark)


class MemorySpool:
    def __init__(self, alive: Callable[[str], None] = lambda point: None) -> None:
        self.files: dict[str, bytes] = {}
        self.unfinished: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.alive = alive

    async def begin(self, name: str) -> MemoryWriting:
        return MemoryWriting(self, name)

    async def write(self, name: str, chunks: AsyncIterator[bytes]) -> tuple[int, str]:
        raw = b"".join([c async for c in chunks])
        self.alive("spool")
        self.files[name] = raw
        return len(raw), hashlib.blake2b(raw, digest_size=16).hexdigest()

    def open(self, name: str) -> BinaryIO:
        if name not in self.files:
            raise SpoolLost(name)
        return io.BytesIO(self.files[name])

    async def drop(self, name: str) -> None:
        self.alive("drop")
        self.files.pop(name, None)
        self.unfinished.pop(name, None)

    async def room(self) -> None:
        pass
