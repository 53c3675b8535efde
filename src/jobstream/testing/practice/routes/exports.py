"""Create, poll, list, cancel and delete, as SendGrid's contact export has them; in JSON and in XML."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from jobstream.testing.practice.data import numbers
from jobstream.testing.practice.jobs import Family, Job
from jobstream.testing.practice.reply import Asked, Reply, as_json, as_xml, error
from jobstream.testing.practice.state import Practice

PATH = "/v3/marketing/contacts/exports"


async def create(practice: Practice, asked: Asked) -> Reply:
    """202 with the id."""
    return _created(practice, asked, "exports")


async def create_xml(practice: Practice, asked: Asked) -> Reply:
    return _created(practice, asked, "xml")


async def create_report(practice: Practice, asked: Asked) -> Reply:
    """201; the result is read in pages."""
    return _created(practice, asked, "reports")


def _created(practice: Practice, asked: Asked, family: Family) -> Reply:
    way = asked.way or practice.config.create
    key = asked.headers.get("Idempotency-Key", "")
    if way == "keyed" and key and (old := practice.jobs.of_key(key)):
        asked.job = old
        practice.counts.reused += 1
        return _shown(practice, asked, old, 200)
    if full := practice.faults.due("busy", asked):
        running = list(practice.jobs.running(practice.now()))
        if len(running) >= full.number:
            return as_json({"errors": [{"field": None, "message": "an export is in progress"}], "id": running[0].id}, 409).note(
                "busy"
            )
    job = practice.make(family, asked)
    if _is_lost(practice, asked, way, job.part):
        return Reply(silent=True, reset=True).note("lost-create")
    return _shown(practice, asked, job, 201 if family == "reports" else 202)


def _is_lost(practice: Practice, asked: Asked, way: str, part: str) -> bool:
    if practice.faults.due("lost-create", asked):
        return True
    if way != "losing" or part in practice.lost:
        return False
    practice.lost.add(part)
    practice.faults.performed["lost-create"] += 1
    return True


def _shown(practice: Practice, asked: Asked, job: Job, status: int) -> Reply:
    """The answer to a create."""
    if practice.faults.due("no-id", asked):
        return as_json({}, status).note("no-id")
    body: dict[str, Any] = {"id": job.id}
    match job.family:
        case "reports":
            body |= {"state": _state(job, practice.now()), "created_at": instant(job.made)}
        case "xml":
            body |= {"status": job.status(practice.now())}
        case _:
            body |= {"_metadata": {"self": f"{asked.path}/{job.id}"}}
    if job.family == "xml" or practice.faults.due("xml", asked):
        return as_xml("export", body, status)
    return as_json(body, status, {"Location": f"{asked.path}/{job.id}"})


async def poll(practice: Practice, asked: Asked) -> Reply:
    """pending … ready with urls."""
    job, now = asked.job, practice.now()
    if job is None or job.deleted_at is not None:
        return error(404, "export not found")
    if 0 <= job.vanish <= len(job.polls):
        return error(404, "export not found").note("vanished")
    job.polls.append(now)
    status = job.status(now)
    if odd := practice.faults.due("unknown-status", asked):
        status = odd.text
    body = _report(practice, job, status) if job.family == "reports" else _export(practice, asked, job, status)
    is_xml = job.family == "xml" or practice.faults.due("xml", asked)
    reply = as_xml("export", body) if is_xml else as_json(body)
    if status == "pending" and (later := practice.faults.due("retry-after", asked)):
        job.quiet_until = now + later.number
        reply.headers["Retry-After"] = str(math.ceil(later.number))
    return reply


def _export(practice: Practice, asked: Asked, job: Job, status: str) -> dict[str, Any]:
    body: dict[str, Any] = {"id": job.id, "status": status, "created_at": instant(job.made)}
    if status == "ready":
        life = practice.scaled(practice.config.link_seconds)
        body |= {"completed_at": instant(job.done_at), "expires_at": instant(practice.now() + life)}
        body |= {"urls": [] if practice.faults.due("no-urls", asked) else practice.links_of(job)}
        body |= {"contact_count": count_of(practice, job)}
    if status == "failed":
        body |= {"message": "the export could not be made"}
    if job.family == "exports":
        body |= {"_metadata": {"self": asked.path}}
    return body


def _report(practice: Practice, job: Job, status: str) -> dict[str, Any]:
    done = status == "ready"
    state = _STATES.get(status, status)
    body = {"id": job.id, "state": state, "created_at": instant(job.made), "rows": count_of(practice, job) if done else None}
    return body | ({"rows_url": f"/v1/reports/{job.id}/rows"} if done else {})


_STATES = {"pending": "running", "ready": "done", "failed": "failed", "timeout": "timeout", "cancelled": "cancelled"}


def _state(job: Job, now: float) -> str:
    return _STATES[job.status(now)]


def count_of(practice: Practice, job: Job) -> int:
    """Rows of all files."""
    config = practice.config
    return sum(len(numbers(config, k, practice.faults.quirks(job.n, k))) for k in range(config.files))


async def listing(practice: Practice, asked: Asked) -> Reply:
    """The jobs, the newest first, those of `client_ref` where it is asked for; new ones are missing for a while."""
    if (asked.way or practice.config.create) != "listed":
        return error(404, "there is no list here")
    now, lag = practice.now(), practice.scaled(practice.config.list_lag)
    family: Family = "reports" if "reports" in asked.path else "xml" if "xml" in asked.path else "exports"
    ref = asked.query.get("client_ref")
    seen = [j for j in practice.jobs if j.family == family and j.deleted_at is None and now >= j.made + lag]
    found = [
        {"id": j.id, "status": j.status(now), "client_ref": j.client_ref, "created_at": instant(j.made)}
        for j in reversed(seen)
        if ref in (None, j.client_ref)
    ]
    if family == "xml":
        return as_xml("exports", found)
    return as_json({"result": found, "_metadata": {"count": len(found)}})


async def cancel(practice: Practice, asked: Asked) -> Reply:
    """The job is aborted. 409 where it has come to its end."""
    job, now = asked.job, practice.now()
    practice.counts.cancels += 1
    if job is None or job.deleted_at is not None:
        return error(404, "export not found")
    if job.status(now) not in ("pending", "cancelled"):
        return error(409, f"the export is {job.status(now)}")
    job.cancelled_at = job.cancelled_at or now
    return as_json({"id": job.id, "status": "cancelled"})


async def delete(practice: Practice, asked: Asked) -> Reply:
    """204; job and files are gone."""
    job = asked.job
    practice.counts.deletes += 1
    if job is None or job.deleted_at is not None:
        return error(404, "export not found")
    job.deleted_at = practice.now()
    return Reply(204)


def instant(at: float) -> str | None:
    """RFC 3339, UTC, whole seconds; None for never."""
    return None if at == float("inf") else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
