"""Results in pages: the rows of a report, a plain list without any job, and an address that is its own job."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from jobstream.testing.practice.data import COLUMNS, row
from jobstream.testing.practice.jobs import part_of
from jobstream.testing.practice.reply import Asked, Reply, as_json, error
from jobstream.testing.practice.state import Practice


async def rows(practice: Practice, asked: Asked) -> Reply:
    """`?cursor=&limit=` → items, next, total."""
    job = asked.job
    if job is None or job.deleted_at is not None:
        return error(404, "report not found")
    if job.status(practice.now()) != "ready":
        return error(409, "the report is not done")
    reply, is_last = _page(practice, asked, job.part, job.n)
    if is_last and job.downloaded_at is None:
        job.downloaded_at = practice.now()
    return reply


async def contacts(practice: Practice, asked: Asked) -> Reply:
    """The same rows at once: by cursor, by `page` from 1, or by `offset`."""
    return _page(practice, asked, part_of(None, asked.query), None)[0]


async def statistics(practice: Practice, asked: Asked) -> Reply:
    """202 until the job that the first request of this query has started is done; then 200 with its rows."""
    name = f"{asked.raw_query} {asked.body.decode('utf-8', 'replace')}"
    job = practice.jobs.of_query(name)
    if job is None:
        job = practice.make("query", asked)
        practice.jobs.name(job, name)
    asked.job = job
    now = practice.now()
    job.polls.append(now)
    match status := job.status(now):
        case "pending":
            return as_json({"status": "computing"}, 202, {"Retry-After": "1"})
        case "ready":
            job.downloaded_at = job.downloaded_at or now
            return as_json({"status": "ready", "items": _items(practice, job.part, range(_total(practice, job.n)), job.n)})
        case _:
            return as_json({"status": status}, 422)


def _total(practice: Practice, job_n: int | None) -> int:
    config = practice.config
    return sum(config.rows for k in range(config.files) if not practice.faults.quirks(job_n, k) & {"empty-file", "header-only"})


def _items(practice: Practice, part: str, span: range, job_n: int | None) -> list[dict[str, str]]:
    config = practice.config
    return [
        dict(zip(COLUMNS, row(config.seed, part, n, practice.faults.quirks(job_n, n // config.rows)), strict=True))
        for n in span
    ]


def _page(practice: Practice, asked: Asked, part: str, job_n: int | None) -> tuple[Reply, bool]:
    query = asked.query
    try:
        limit = max(1, min(int(query.get("limit") or practice.config.page_rows), 10_000))
        start = _start(query, limit)
    except ValueError:
        return error(400, "cursor, page, offset or limit is wrong"), False
    total = _total(practice, job_n)
    stop = min(start + limit, total)
    following = f"c{stop}" if stop < total else None
    headers = {"X-Total": str(total)}
    if following:
        others = {k: v for k, v in query.items() if k not in ("cursor", "page", "offset")}
        link = f"http://{asked.headers.get('Host', '')}{asked.path}?{urlencode({**others, 'cursor': following})}"
        headers |= {"X-Next-Cursor": following, "Link": f'<{link}>; rel="next"'}
    body: dict[str, Any] = {"items": _items(practice, part, range(start, stop), job_n), "next": following, "total": total}
    return as_json(body, 200, headers), following is None


def _start(query: dict[str, str], limit: int) -> int:
    if cursor := query.get("cursor"):
        return int(cursor.removeprefix("c"))
    if page := query.get("page"):
        return (int(page) - 1) * limit
    return int(query.get("offset") or 0)
