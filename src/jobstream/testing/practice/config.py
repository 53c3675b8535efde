"""What the practice API is told before it starts. Plain data, JSON in and out."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from jobstream.errors import UsageError
from jobstream.testing.practice.faults import Fault, parse_fault

#: keyed: an Idempotency-Key is honoured · listed: there is a list of jobs, which lags · bare: neither · losing: the first
#: create is carried out and its answer lost
Way: TypeAlias = Literal["keyed", "listed", "bare", "losing"]
Format: TypeAlias = Literal["csv", "jsonl", "json", "xml"]


class PracticeConfig(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """All seconds are multiplied by time_scale, except what a header or the reader of a token is told (rounded up).

    key            the Bearer key that create and poll want
    ports          0: the system chooses
    files_origin   what links name instead of the real address (use with --map-origin); elsewhere_origin likewise
    create         how the plain path creates; /keyed, /listed, /bare and /losing before a path choose for one request
    files, rows    files of a job; rows of each file
    gzip           files are gzip; ignored by XML and by what is answered in pages
    job_seconds    from create to ready; jitter: up to so many more
    link_seconds   life of a link; a later poll gives fresh ones
    list_lag       a new job is listed only after so many seconds
    page_rows      rows of a page where the client sets no limit
    token_seconds  life of an OAuth access token
    folder         where large files are kept between runs; "": a folder of the system's temporary files
    faults         what goes wrong; see faults.KINDS
    """

    host: str = "127.0.0.1"
    port: int = 0
    files_port: int = 0
    elsewhere_port: int = 0
    files_origin: str = ""
    elsewhere_origin: str = ""
    key: str = "SG.practice"
    client_id: str = "practice"
    client_secret: str = "practice-secret"
    refresh_token: str = "practice-refresh"
    seed: int = 7
    create: Way = "bare"
    files: int = 3
    rows: int = 100
    format: Format = "csv"
    gzip: bool = True
    job_seconds: float = 2.0
    jitter: float = 0.0
    time_scale: float = 1.0
    link_seconds: float = 900.0
    list_lag: float = 1.0
    page_rows: int = 50
    token_seconds: float = 3600.0
    folder: str = ""
    faults: tuple[Fault, ...] = ()


def config_from(document: Any, **given: Any) -> PracticeConfig:
    """Of a script: the fields above; faults as texts or objects. A list is taken as faults alone. `given` wins, faults add up.

    Raises UsageError."""
    fields = {"faults": document} if isinstance(document, list) else dict(document)
    try:
        faults = [*fields.pop("faults", ()), *given.pop("faults", ())]
        read = [parse_fault(f) if isinstance(f, str) else msgspec.convert(msgspec.to_builtins(f), Fault) for f in faults]
        return msgspec.convert({**fields, **given, "faults": [msgspec.to_builtins(f) for f in read]}, PracticeConfig)
    except (msgspec.ValidationError, TypeError) as e:
        raise UsageError(f"the practice API cannot be set so: {e}", hint="see jobstream practice-api --help") from e
