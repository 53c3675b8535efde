"""One body on its way into a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from concurrent.futures import Future as Flying
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import TypeVar

import msgspec

from jobstream.errors import KeepingError
from jobstream.spool.place import Place, sync_folder

T = TypeVar("T")
BLOCK = 1 << 20  # bytes gathered for one hop to a thread
FEW = 16  # chunks of a block that are written one by one; more are joined first
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class FileWriting:
    """Implements `ports.Writing`. How a download resumes:

        writing = await spool.begin(name)
        if writing.offset:                 # bytes of an earlier try, and `mark` says which version of the body they are
            headers |= {"Range": f"bytes={writing.offset}-", "If-Range": writing.mark["etag"]}
        got = ...
        206: Content-Range begins at `offset` and tells the total of `mark`: write on
        200: `await writing.restart({"etag": ..., "total": ...})`, then write from the first byte
        416: Content-Range tells the total: equal to `offset`, keep; else restart and ask again without Range
        then `keep`; on any failure `leave`, which loses nothing

    A body whose mark is empty cannot be told from another version of itself, so it is not kept over `leave`. What was written
    outlives the process (up to 2 blocks are still in memory when it is killed), but not the machine: after a reboot a file may
    have holes that its length does not show, so an unfinished body starts again.

    length and digest (blake2b, 16 bytes, hexadecimal) are of all bytes, those of earlier tries included: they are read again
    when the body is opened. Methods are called one at a time. Raises KeepingError where the disk refuses.
    """

    def __init__(self, place: Place, replaces: Path | None, pool: Executor, grounds: Callable[[Place], int],
                 settled: Callable[[FileWriting, int | None], None]) -> None:  # fmt: skip
        """replaces: an older body of this name · grounds: opens the file, in a folder that is durable · settled: called with
        the kept length, or None when it was left."""
        self._place, self._replaces, self._pool, self._grounds, self._settled = place, replaces, pool, grounds, settled
        self._mark: dict[str, str] = {}
        self._noted = False  # the mark is on the disk, so what lies there may be taken up again
        self._offset, self._gathered, self._held = 0, 0, list[bytes]()
        self._hash = blake2b(digest_size=16)
        self._fd, self._closed, self._using = -1, False, Lock()
        self._flying: Flying[None] | None = None

    @property
    def offset(self) -> int:
        return self._offset

    @property
    def mark(self) -> dict[str, str]:
        return self._mark

    async def restart(self, mark: dict[str, str]) -> None:
        await self._landed()
        self._held.clear()
        self._mark, self._noted = dict(mark), False
        if self._offset:
            await self._hop(self._empty)
        self._offset = self._gathered = 0

    async def write(self, chunk: bytes) -> None:
        self._held.append(chunk)
        self._gathered += len(chunk)
        self._offset += len(chunk)
        if self._gathered >= BLOCK:
            await self._landed()
            self._flying = self._pool.submit(self._flush, self._taken())

    async def keep(self) -> tuple[int, str]:
        await self._landed()
        digest = await self._hop(self._finish, self._taken(), self._offset)
        self._settled(self, self._offset)
        return self._offset, digest

    async def leave(self) -> None:
        """Twice is once."""
        try:
            await self._landed()
            await self._hop(self._abandon, self._taken())
        finally:
            self._settled(self, None)

    def _taken(self) -> list[bytes]:
        held, self._held, self._gathered = self._held, [], 0
        return held

    async def _landed(self) -> None:
        """The block before this one is on the disk. One flies while the next is gathered."""
        if self._flying is not None:
            flying, self._flying = self._flying, None
            await told(flying)

    async def _hop(self, f: Callable[..., T], *a: object) -> T:
        return await told(self._pool.submit(f, *a))

    # -- in a thread

    def open(self) -> None:
        self._fd = self._grounds(self._place)

    def load(self) -> None:
        """Takes up what is there, if it is known what it is. Where nothing can be there it is not called: the file is opened when
        the first block is written."""
        self.open()
        self._mark = _read_mark(self._place.mark)
        while self._mark and (chunk := os.read(self._fd, BLOCK)):
            self._hash.update(chunk)
            self._offset += len(chunk)
        self._noted = self._offset > 0
        if not self._noted:
            self._empty()
            self._mark = {}

    def _empty(self) -> None:
        with self._using:
            if self._fd >= 0:
                os.ftruncate(self._fd, 0)
                os.lseek(self._fd, 0, os.SEEK_SET)
            self._place.mark.unlink(missing_ok=True)
            self._hash = blake2b(digest_size=16)

    def _flush(self, held: list[bytes], note: bool = True) -> None:
        with self._using:
            if self._closed or not held:
                return
            if self._fd < 0:
                self.open()
            if note and self._mark and not self._noted:
                _write_mark(self._place.mark, self._mark)
                self._noted = True
            for data in held if len(held) <= FEW else (b"".join(held),):
                self._hash.update(data)
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(self._fd, rest) :]

    def _finish(self, held: list[bytes], length: int) -> str:
        self._flush(held, note=False)
        with self._using:
            if self._closed:
                raise KeepingError("the body was left, or taken over by another writer", where=str(self._place.part))
            if self._fd < 0:
                self.open()
            os.fsync(self._fd)
            self._close()
        if self._replaces is not None:
            self._replaces.unlink(missing_ok=True)
        self._place.part.rename(self._place.body(length))
        sync_folder(self._place.folder)
        if self._noted:
            self._place.mark.unlink(missing_ok=True)
        return self._hash.hexdigest()

    def _abandon(self, held: list[bytes]) -> None:
        try:
            if self._mark:
                self._flush(held)
        finally:
            with self._using:
                if not self._closed:
                    there = self._fd >= 0
                    self._close()
                    if there and not self._noted:
                        self._place.part.unlink(missing_ok=True)

    def _close(self) -> None:
        fd, self._fd, self._closed = self._fd, -1, True
        if fd >= 0:
            os.close(fd)


def _boot() -> str:
    return _BOOT.read_text().strip() if _BOOT.exists() else ""


def _read_mark(path: Path) -> dict[str, str]:
    """Empty where there is none, or the machine has been down since."""
    try:
        boot, mark = msgspec.json.decode(path.read_bytes(), type=tuple[str, dict[str, str]])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}
    return mark if boot == _boot() else {}


def _write_mark(path: Path, mark: dict[str, str]) -> None:
    new = path.with_name(path.name + ".new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, msgspec.json.encode((_boot(), mark)))
    finally:
        os.close(fd)
    new.replace(path)


async def told(flying: Flying[T]) -> T:
    """Its result. A cancelled waiter does not stop what a thread has begun. Raises KeepingError for what the disk refuses."""
    landing: Awaitable[T] = asyncio.wrap_future(flying)
    try:
        return await asyncio.shield(landing)
    except OSError as e:
        raise KeepingError(
            f"the spool cannot be written: {os.strerror(e.errno or 0).lower()}",
            where=str(e.filename or ""),
            hint="free some space, or point --project at another disk",
        ) from e
