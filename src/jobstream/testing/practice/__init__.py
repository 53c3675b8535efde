"""The practice API: a server that behaves like a real job API, misbehaves on order, and tells what it saw.

    async with PracticeApi(files=2, rows=50, job_seconds=0.2, faults=["429=1,every=5"]) as api: ...
    with PracticeServer(where="process", create="listed") as api: ...

`faults.KINDS` is the table of what can go wrong; `jobstream practice-api --help` shows it. Light to import: the server itself
is imported when one is started.
"""

from __future__ import annotations

from jobstream.testing.practice.api import PracticeApi, PracticeServer
from jobstream.testing.practice.config import PracticeConfig, Way, config_from
from jobstream.testing.practice.data import COLUMNS, expected_rows
from jobstream.testing.practice.faults import KINDS, Fault, parse_fault
from jobstream.testing.practice.report import FileSeen, JobSeen, Report

__all__ = [
    "COLUMNS", "KINDS", "Fault", "FileSeen", "JobSeen", "PracticeApi", "PracticeConfig", "PracticeServer", "Report", "Way",
    "config_from", "expected_rows", "parse_fault",
]  # fmt: skip
