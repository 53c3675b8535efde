"""Files behind signed links: ranges, conditions, and all that can be wrong with a file."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

from msgspec import Struct

from jobstream.testing.practice.jobs import Fetched, Job
from jobstream.testing.practice.reply import Asked, Reply, http_date, storage_error
from jobstream.testing.practice.state import Practice
from jobstream.testing.practice.store import Blob, Twist

_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "json": "application/json",
    "xml": "application/xml",
}
_RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z")


async def download(practice: Practice, asked: Asked) -> Reply:
    """200 or 206 with bytes; 304, 400, 403, 404, 412, 416."""
    job, k = asked.job, asked.file
    if asked.headers.get("Authorization"):
        return storage_error(400, "InvalidArgument", "Only one auth mechanism allowed")
    if bad := practice.links.fault(asked.path, asked.query, practice.now()):
        practice.counts.bad_links += 1
        return storage_error(403, *bad)
    if (
        job is None
        or k is None
        or k >= practice.config.files
        or job.deleted_at is not None
        or job.status(practice.now()) != "ready"
    ):
        return storage_error(404, "NoSuchKey", "The specified key does not exist.")
    quirks = practice.faults.quirks(job.n, k)
    practice.faults.performed.update(quirks)
    blob = await practice.store.blob(job.part, k, quirks, _twist(practice, asked), practice.format_of(job))
    reply = _conditional(practice, asked, blob)
    reply.headers |= {"Content-Type": _type(practice, job, quirks)}
    return reply


def _twist(practice: Practice, asked: Asked) -> Twist:
    due = practice.faults.due
    cut = due("cut-gzip", asked)
    return Twist(
        cut=int(cut.number) if cut else -1,
        corrupt=due("corrupt-gzip", asked) is not None,
        members=due("two-members", asked) is not None,
        double=due("double-gzip", asked) is not None,
        changed=due("changed-file", asked) is not None,
    )


def _type(practice: Practice, job: Job, quirks: frozenset[str]) -> str:
    format = practice.format_of(job)
    if practice.store.is_gzip(format):
        return "application/gzip"
    charset = "iso-8859-1" if "latin-1" in quirks else "utf-8"
    return _TYPES[format].replace("utf-8", charset)


def _conditional(practice: Practice, asked: Asked, blob: Blob) -> Reply:
    """RFC 9110, sections 13 and 14; of several ranges the whole is sent, as 14.2 allows."""
    if practice.faults.due("no-ranges", asked):
        return Reply(200, {}, blob).note("no-ranges")
    modified = http_date(practice.started)
    headers = {"ETag": blob.etag, "Last-Modified": modified, "Accept-Ranges": "bytes"}
    given = asked.headers
    if (wanted := given.get("If-Match")) and wanted != "*" and blob.etag not in _tags(wanted):
        return storage_error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
    if (known := given.get("If-None-Match")) and (known == "*" or blob.etag in _tags(known)):
        return Reply(304, headers)
    asked_range = _RANGE.match(given.get("Range", ""))
    if asked_range is None:
        return Reply(200, headers, blob)
    if not _is_same(given.get("If-Range"), blob.etag, modified) and not practice.faults.due("no-if-range", asked):
        return Reply(200, headers, blob)
    span = _span(asked_range.group(1), asked_range.group(2), blob.size)
    if span is None:
        return Reply(416, {**headers, "Content-Range": f"bytes */{blob.size}"})
    if practice.faults.due("wrong-range", asked):
        span = range(len(span))
    headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{blob.size}"
    return Reply(206, headers, blob, span.start, len(span))


def _tags(text: str) -> list[str]:
    return [t.strip().removeprefix("W/") for t in text.split(",")]


def _is_same(condition: str | None, etag: str, modified: str) -> bool:
    if condition is None or condition.startswith('"'):
        return condition in (None, etag)
    try:
        return parsedate_to_datetime(condition) == parsedate_to_datetime(modified)
    except ValueError:
        return False


def _span(first: str, last: str, size: int) -> range | None:
    """None where it lies outside or says nothing."""
    if not first:
        n = min(int(last or 0), size)
        return range(size - n, size) if n else None
    start, stop = int(first), min(int(last) + 1, size) if last else size
    return range(start, stop) if start < min(stop, size) else None


class Sent(Struct, frozen=True):
    """Bytes of a file that have left: from start, n of them."""

    start: int
    n: int


def note_sent(practice: Practice, asked: Asked, reply: Reply, sent: Sent) -> None:
    """Counts a download once its bytes are out, whole or not."""
    job, k = asked.job, asked.file
    if job is None or k is None or not isinstance(reply.body, Blob) or asked.method != "GET":
        return
    seen = job.files.setdefault(k, Fetched())
    seen.downloads += 1
    seen.bytes += sent.n
    if reply.status == 206:
        seen.ranges.append(asked.headers.get("Range", ""))
    if seen.size != reply.body.size:
        seen.size, seen.covered = reply.body.size, 0
    if sent.start <= seen.covered:
        seen.covered = max(seen.covered, sent.start + sent.n)
    if job.downloaded_at is None and len(job.files) == practice.config.files and all(f.is_whole for f in job.files.values()):
        job.downloaded_at = practice.now()
