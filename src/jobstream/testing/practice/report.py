"""What the practice API has seen. `GET /_practice/report` gives it as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct, field

from jobstream.testing.practice.jobs import Family, Job


class FileSeen(Struct, frozen=True, omit_defaults=True):
    """ranges: the Range headers that were obeyed, in order · bytes: of bodies, over all downloads."""

    file: int
    downloads: int
    bytes: int
    is_whole: bool
    ranges: list[str] = []


class JobSeen(Struct, frozen=True, omit_defaults=True):
    """Instants are seconds since the epoch.

    done_at  when it is or will be done; None for never
    lag      seconds from done to the last byte of the last file
    early    requests about it that came sooner than a Retry-After allowed
    """

    id: str
    n: int
    family: Family
    status: str
    made: float
    done_at: float | None
    part: str = ""
    idempotency_key: str = ""
    client_ref: str = ""
    polls: list[float] = []
    early: int = 0
    files: list[FileSeen] = []
    downloaded_at: float | None = None
    lag: float | None = None
    cancelled_at: float | None = None
    deleted_at: float | None = None


class Report(Struct, frozen=True):
    """requests           answered, by route
    jobs                  in the order in which they were made
    n_jobs                their number (told also where jobs are left out)
    duplicates_by_key     jobs beyond the first of an Idempotency-Key; by_ref: of a client_ref
    reused                creates that were answered with the job of their key
    refused               401 to create, poll and their kin
    misplaced             credentials seen on the files' and the other host: "GET /exports/... Authorization"
    bad_links             downloads refused: expired, used up, wrong signature
    refresh_reuse         old refresh tokens shown again
    faults                performed, by name
    """

    requests: dict[str, int] = {}
    n_jobs: int = 0
    jobs: list[JobSeen] = []
    duplicates_by_key: dict[str, int] = {}
    duplicates_by_ref: dict[str, int] = {}
    reused: int = 0
    polls: int = 0
    downloads: int = 0
    download_bytes: int = 0
    cancels: int = 0
    deletes: int = 0
    early: int = 0
    refused: int = 0
    misplaced: list[str] = []
    bad_links: int = 0
    tokens: int = 0
    refresh_reuse: int = 0
    in_flight: int = 0
    in_flight_max: int = 0
    faults: dict[str, int] = {}


class Counts(Struct):
    """The running numbers behind a report."""

    requests: Counter[str] = field(default_factory=Counter)
    reused: int = 0
    cancels: int = 0
    deletes: int = 0
    refused: int = 0
    misplaced: list[str] = field(default_factory=list)
    bad_links: int = 0
    tokens: int = 0
    refresh_reuse: int = 0
    in_flight: int = 0
    in_flight_max: int = 0


def report_of(counts: Counts, jobs: Iterable[Job], faults: Counter[str], now: float, *, brief: bool = False) -> Report:
    """brief: without a line for each job."""
    made = list(jobs)
    fetched = [f for j in made for f in j.files.values()]
    return Report(
        requests=dict(counts.requests),
        n_jobs=len(made),
        jobs=[] if brief else [_seen(j, now) for j in made],
        duplicates_by_key=_beyond_first(j.idempotency_key for j in made),
        duplicates_by_ref=_beyond_first(j.client_ref for j in made),
        reused=counts.reused,
        polls=sum(len(j.polls) for j in made),
        downloads=sum(f.downloads for f in fetched),
        download_bytes=sum(f.bytes for f in fetched),
        cancels=counts.cancels,
        deletes=counts.deletes,
        early=sum(j.early for j in made),
        refused=counts.refused,
        misplaced=list(counts.misplaced),
        bad_links=counts.bad_links,
        tokens=counts.tokens,
        refresh_reuse=counts.refresh_reuse,
        in_flight=counts.in_flight,
        in_flight_max=counts.in_flight_max,
        faults=dict(faults),
    )


def _beyond_first(names: Iterable[str]) -> dict[str, int]:
    return {name: n - 1 for name, n in Counter(n for n in names if n).items() if n > 1}


def _seen(j: Job, now: float) -> JobSeen:
    files = [FileSeen(k, f.downloads, f.bytes, f.is_whole, list(f.ranges)) for k, f in sorted(j.files.items())]
    done_at = None if j.done_at == float("inf") else j.done_at
    lag = None if j.downloaded_at is None else j.downloaded_at - j.done_at
    return JobSeen(
        j.id, j.n, j.family, j.status(now), j.made, done_at, j.part, j.idempotency_key, j.client_ref, list(j.polls), j.early,
        files, j.downloaded_at, lag, j.cancelled_at, j.deleted_at,
    )  # fmt: skip
