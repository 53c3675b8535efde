"""Group commit. Whoever comes while it commits rides the next one; no linger."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from jobstream.ports import Checkpoint, Entry, Epoch, Fenced, JobId, Ledger, Position


class _Waiting(NamedTuple):
    entries: list[Entry]
    checkpoints: list[Checkpoint]
    done: asyncio.Future[Position]


class Scribe:
    """Entries of one call stay together. Loose ones are bounded by the number of jobs: the newest of each rides along."""

    def __init__(self, ledger: Ledger, shard: str, epoch: Epoch) -> None:
        self._ledger, self._shard, self._epoch = ledger, shard, epoch
        self._waiting: list[_Waiting] = []
        self._loose: dict[JobId, Entry] = {}
        self._rung = asyncio.Event()
        self._ended = False

    def note(self, entry: Entry) -> None:
        self._loose[entry.job] = entry

    def flush(self) -> None:
        """What is loose is written soon, even if nothing else is."""
        if self._loose:
            self._rung.set()

    async def write(self, entries: list[Entry], checkpoints: list[Checkpoint]) -> Position:
        """Durable on return: the shard's position after them. Raises Fenced."""
        if self._ended:
            raise Fenced(self._shard)
        for e in entries:
            self._loose.pop(e.job, None)  # older than what is written now
        done: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(entries, checkpoints, done))
        self._rung.set()
        return await done

    async def run(self) -> None:
        """Until cancelled. Fenced or broken: everyone who waits is told, and it ends."""
        try:
            while True:
                await self._rung.wait()
                self._rung.clear()
                await self._round()
        finally:
            self.end()

    def end(self) -> None:
        """Nothing is written any more: who waits, or comes later, is told."""
        self._ended = True
        self._tell(self._waiting, Fenced(self._shard))

    async def _round(self) -> None:
        group, self._waiting = self._waiting, []
        loose, self._loose = self._loose, {}
        try:
            position = await self._commit(group, loose)
        except BaseException as broken:
            self._tell(group, Fenced(self._shard) if isinstance(broken, asyncio.CancelledError) else broken)
            raise
        for w in group:
            if not w.done.done():
                w.done.set_result(position)

    def _tell(self, group: list[_Waiting], broken: BaseException) -> None:
        for w in group:
            if not w.done.done():
                w.done.set_exception(broken)
                w.done.exception()

    async def _commit(self, group: list[_Waiting], loose: dict[JobId, Entry]) -> Position:
        entries = [*loose.values(), *(e for w in group for e in w.entries)]
        checkpoints = [c for w in group for c in w.checkpoints]
        return await self._ledger.append(self._shard, self._epoch, entries, checkpoints)
