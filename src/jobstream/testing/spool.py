"""A spool in memory; it can forget, as another machine's does."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO

from jobstream.ports import SpoolLost


class MemoryWriting:
    def __init__(self, spool: MemorySpool, name: str) -> None:
        self._spool, self._name = spool, name
        self._raw, self.mark = spool.unfinished.pop(name, (b"", {}))

    @property
    def offset(self) -> int:
        return len(self._raw)

    async def restart(self, mark: dict[str, str]) -> None:
        self._raw, self.mark = b"", mark

    async def write(self, chunk: bytes) -> None:
        self._raw += chunk

    async def keep(self) -> tuple[int, str]:
        self._spool.alive("spool")
        self._spool.files[self._name] = self._raw
        return len(self._raw), hashlib.blake2b(self._raw, digest_size=16).hexdigest()

    async def leave(self) -> None:
        self._spool.unfinished[self._name] = (self._raw, self.mark)


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

    async def room(self) -> None:
        pass
