"""The practice API: a server that behaves like a real job API, misbehaves on order, and tells what it saw.

    async with PracticeApi(files=2, rows=50, job_seconds=0.2, faults=["429=1,every=5"]) as api: ...
    with PracticeServer(where="process", create="listed") as api: ...

    POST   /v3/marketing/contacts/exports          202 {id}; also under /keyed /listed /bare /losing; GET lists (listed)
    GET    /v3/marketing/contacts/exports/{id}     {status: pending … ready, urls}; DELETE; POST …/{id}/cancel
    ...    /xml/v1/exports                         the same in XML, files too
    ...    /v1/reports, /v1/reports/{id}           {state: running … done}; rows by …/{id}/rows?cursor=&limit=
    GET    /v1/contacts                            rows at once, in pages: cursor, page or offset
    GET    /v1/statistics?part=                    202 until done, then 200 with the rows
    POST   /oauth/token                            client_credentials, refresh_token (rotating)
    GET    /_practice/report                       POST /_practice/faults · reset · finish

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
