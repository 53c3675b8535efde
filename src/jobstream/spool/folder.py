"""The spool: downloaded bytes in files, until their receipt."""

from __future__ import annotations

import asyncio
import io
import os
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import BinaryIO, NamedTuple

from jobstream.ports import SpoolLost
from jobstream.spool.place import Place, files, place, sync_folder
from jobstream.spool.writing import FileWriting, told

THREADS = 4
QUIET = 1.0  # seconds without any stir, after which a full spool lets the next part in


class Usage(NamedTuple):
    """What lies on the disk. kept and unfinished are bytes."""

    bodies: int
    kept: int
    unfinished: int


class FolderSpool:
    """Implements `ports.Spool` over a folder that one process owns. Files are readable by the owner alone.

    most  bytes on their way (being written, or kept and not yet read by a delivery), above which `room` waits. Never less than
          one part fits, however large. Bytes that were delivered and wait for a state to come back do not count.
    """

    def __init__(self, root: Path, most: int, *, quiet: float = QUIET) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root, self._most, self._quiet = root, most, quiet
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="spool")
        self._tree, self._count = Lock(), Lock()
        self._kept, self._left = _bodies(root)
        self._way = dict(self._kept)
        self._on_way = sum(self._way.values())
        self._writing: dict[str, FileWriting] = {}
        self._readers, self._stirred = 0, 0.0
        self._bell, self._turn = asyncio.Event(), asyncio.Lock()
        self._waiter: asyncio.AbstractEventLoop | None = None
        self._dead = list[tuple[str, int | None, bool]]()  # dropped, and still on the disk

    async def begin(self, name: str) -> FileWriting:
        """Whoever was writing under this name before is cut off: his bytes are found again here."""
        at = place(self._root, name)
        if (older := self._writing.get(name)) is not None:
            await older.leave()
        old = self._kept.get(name)
        replaces = None if old is None else at.body(old)
        writing = FileWriting(at, replaces, self._pool, self._opened, lambda w, length: self._settled(name, w, length))
        self._writing[name] = writing
        if name in self._left:
            try:
                await told(self._pool.submit(writing.load))
            except BaseException:
                await writing.leave()
                raise
        self._stir()
        return writing

    async def write(self, name: str, chunks: AsyncIterator[bytes]) -> tuple[int, str]:
        writing = await self.begin(name)
        try:
            await writing.restart({})
            async for chunk in chunks:
                await writing.write(chunk)
            return await writing.keep()
        except BaseException:
            await writing.leave()
            raise

    def open(self, name: str) -> BinaryIO:
        """In any thread. Raises SpoolLost where it is not there, or not in its full length."""
        at, length = place(self._root, name), self._kept.get(name)
        if length is None:
            raise SpoolLost(name)
        try:
            body = _Body(at.body(length), lambda: self._read(name))
        except FileNotFoundError as e:
            raise SpoolLost(name) from e
        with self._count:
            self._readers += 1
        if os.fstat(body.fileno()).st_size != length:
            body.close()
            raise SpoolLost(name)
        return io.BufferedReader(body, 1 << 16)

    async def drop(self, name: str) -> None:
        """Whole or unfinished; twice is once."""
        place(self._root, name)
        if (writing := self._writing.get(name)) is not None:
            await writing.leave()
        if self._forgotten(name):
            await told(self._pool.submit(self._bury))
        self._stir()

    async def room(self) -> None:
        """Waits while the spool is full and somebody is at work who may empty it. Where nobody is, as when nothing may be
        delivered before all is stored, one part after another is let in: a spool that is too full beats a run that hangs."""
        async with self._turn:
            while self._load() >= self._most and self._awake():
                self._bell.clear()
                self._waiter = asyncio.get_running_loop()
                try:
                    async with asyncio.timeout(self._quiet):
                        await self._bell.wait()
                except TimeoutError:
                    continue
                finally:
                    self._waiter = None
            self._stirred = time.monotonic()

    async def sweep(self, live: Callable[[str], bool]) -> Usage:
        """Removes every body, whole or not, whose name is not alive, and is not being written now. What was removed."""
        found = await told(self._pool.submit(lambda: list(files(self._root))))
        dead = [f for f in found if f.name not in self._writing and not live(f.name)]
        self._left |= {f.name for f in dead}
        for name in sorted({f.name for f in dead}):
            await self.drop(name)
        return Usage(
            bodies=sum(f.length is not None for f in dead),
            kept=sum(f.size for f in dead if f.length is not None),
            unfinished=sum(f.size for f in dead if f.length is None),
        )

    async def usage(self) -> Usage:
        found = await told(self._pool.submit(lambda: list(files(self._root))))
        kept = [f.size for f in found if f.length is not None]
        return Usage(len(kept), sum(kept), sum(f.size for f in found if f.path.suffix == ".part"))

    async def close(self) -> None:
        """What is being written is left, to be found again."""
        for writing in list(self._writing.values()):
            await writing.leave()
        await asyncio.to_thread(self._pool.shutdown)

    # -- who is at work

    def _load(self) -> int:
        with self._count:
            return self._on_way + sum(w.offset for w in self._writing.values())

    def _awake(self) -> bool:
        return self._readers > 0 or time.monotonic() - self._stirred < self._quiet

    def _stir(self) -> None:
        self._stirred = time.monotonic()
        if (waiter := self._waiter) is not None and not waiter.is_closed():
            waiter.call_soon_threadsafe(self._bell.set)

    def _read(self, name: str) -> None:
        with self._count:
            self._readers -= 1
            self._on_way -= self._way.pop(name, 0)
        self._stir()

    def _settled(self, name: str, writing: FileWriting, length: int | None) -> None:
        if self._writing.get(name) is writing:
            del self._writing[name]
        if length is None:
            self._left.add(name)
        else:
            self._left.discard(name)
            with self._count:
                self._on_way += length - self._way.get(name, 0)
                self._kept[name] = self._way[name] = length
        self._stir()

    def _forgotten(self, name: str) -> bool:
        """Whether there is something of it on the disk."""
        with self._count:
            self._on_way -= self._way.pop(name, 0)
            length, left = self._kept.pop(name, None), name in self._left
            self._left.discard(name)
            if left or length is not None:
                self._dead.append((name, length, left))
            return left or length is not None

    # -- in a thread

    def _opened(self, at: Place) -> int:
        with self._tree:
            try:
                at.folder.mkdir(0o700)
                sync_folder(self._root)
            except FileExistsError:
                pass
            return os.open(at.part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _bury(self) -> None:
        """All that is dead, for all who wait: those who come later find nothing to do."""
        with self._tree:
            with self._count:
                dead, self._dead = self._dead, []
            for name, length, left in dead:
                at = place(self._root, name)
                bodies = list(at.folder.glob(f"{at.leaf}.*.body")) if length is None else [at.body(length)]
                for path in (at.part, at.mark, *bodies) if left else bodies:
                    path.unlink(missing_ok=True)
            for folder in {place(self._root, name).folder for name, *_ in dead}:
                with suppress(OSError):  # not empty: listing it first would cost more the fuller it is
                    folder.rmdir()


def _bodies(root: Path) -> tuple[dict[str, int], set[str]]:
    """Length by name; names that were left unfinished. Of two under one name the younger one counts: the process died between
    them."""
    there = list(files(root))
    found = sorted((f for f in there if f.length is not None), key=lambda f: f.path.stat().st_mtime_ns)
    bodies = dict[str, int]()
    for f in found:
        if f.name in bodies:
            place(root, f.name).body(bodies[f.name]).unlink()
        bodies[f.name] = f.length or 0
    return bodies, {f.name for f in there if f.length is None}


class _Body(io.FileIO):
    """Says when it is closed."""

    def __init__(self, path: Path, closed: Callable[[], None]) -> None:
        super().__init__(path, "rb")
        self._told, self._tell = False, closed

    def close(self) -> None:
        super().close()
        if not self._told:
            self._told = True
            self._tell()
