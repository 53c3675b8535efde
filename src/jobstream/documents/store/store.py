"""All that the service keeps of documents, in one database."""

from __future__ import annotations

from collections.abc import Callable

from jobstream.documents.store.audit import Audit
from jobstream.documents.store.bin import Bin
from jobstream.documents.store.database import Database
from jobstream.documents.store.ids import ObjectIds
from jobstream.documents.store.resource import Sealer
from jobstream.documents.store.resources import Resources
from jobstream.documents.store.tokens import Tokens

DAY = 86400.0


class Store:
    """now: epoch seconds · bin_seconds: how long deleted resources can be restored. Nothing is read before `open`."""

    def __init__(self, url: str, seal: Sealer, now: Callable[[], float], bin_seconds: float = 30 * DAY) -> None:
        self.database, self.ids = Database(url), ObjectIds(now)
        self.audit = Audit(self.database, self.ids)
        self.resources = Resources(self.database, seal, self.ids, self.audit, now, bin_seconds)
        self.bin = Bin(self.database, self.audit, now, bin_seconds)
        self.tokens = Tokens(self.database, self.ids, now)

    async def open(self) -> None:
        """Brings the tables to the newest schema. Raises KeepingError."""
        await self.database.migrate()

    async def close(self) -> None:
        await self.database.close()
