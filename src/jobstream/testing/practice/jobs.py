"""The jobs that the practice API has made, and what has been seen of each."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct, field

Family: TypeAlias = Literal["exports", "reports", "xml", "query"]


class Fetched(Struct):
    """What went out of one file. covered: bytes from the first without a gap, over all downloads."""

    downloads: int = 0
    bytes: int = 0
    covered: int = 0
    size: int = -1
    ranges: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return self.size >= 0 and self.covered >= self.size


class Job(Struct):
    """n: its number, from 1 · end: the status at done_at · vanish: polls after which nobody knows it (-1: never).

    Instants are seconds since the epoch."""

    id: str
    n: int
    family: Family
    part: str
    made: float
    done_at: float
    end: str = "ready"
    vanish: int = -1
    idempotency_key: str = ""
    client_ref: str = ""
    polls: array[float] = field(default_factory=lambda: array("d"))
    early: int = 0
    quiet_until: float = 0.0
    files: dict[int, Fetched] = field(default_factory=dict)
    downloaded_at: float | None = None
    cancelled_at: float | None = None
    deleted_at: float | None = None

    def status(self, now: float) -> str:
        """pending, and then what it ends with: ready, failed, timeout; cancelled after an abort."""
        if self.cancelled_at is not None:
            return "cancelled"
        return self.end if now >= self.done_at else "pending"


class Jobs:
    """By id, by number, by key and by what the client calls them."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._by_id: dict[str, Job] = {}
        self._by_key: dict[str, Job] = {}
        self._by_query: dict[str, Job] = {}

    def __iter__(self) -> Iterator[Job]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, id: str) -> Job | None:
        return self._by_id.get(id)

    def of_key(self, key: str) -> Job | None:
        return self._by_key.get(key)

    def of_query(self, text: str) -> Job | None:
        return self._by_query.get(text)

    def name(self, job: Job, text: str) -> None:
        """From now on this query is the job's own."""
        self._by_query[text] = job

    def make(self, family: Family, part: str, now: float, seconds: float, *, key: str = "", ref: str = "") -> Job:
        """The first job of a key is the one that the key stands for."""
        n = len(self._by_id) + 1
        digest = hashlib.sha256(f"{self._seed}/{n}".encode()).hexdigest()
        id = "-".join((digest[:8], digest[8:12], f"4{digest[13:16]}", f"a{digest[17:20]}", digest[20:32]))
        job = Job(id, n, family, part, now, now + seconds, idempotency_key=key, client_ref=ref)
        self._by_id[id] = job
        if key:
            self._by_key.setdefault(key, job)
        return job

    def running(self, now: float) -> Iterable[Job]:
        return (j for j in self if j.deleted_at is None and j.status(now) == "pending")


def part_of(body: Any, query: Mapping[str, str]) -> str:
    """What a create asks for, as the text that chooses its rows.

    list_ids, segment_ids, part, since and until, of the JSON or form body and then of the query, joined by commas; "" for none."""
    asked = body if isinstance(body, dict) else {}
    found: list[str] = []
    for source in (asked, query):
        for name in ("list_ids", "segment_ids", "part", "since", "until"):
            value = source.get(name)
            found += [str(v) for v in value] if isinstance(value, list) else [str(value)] if value else []
    return ",".join(found)
