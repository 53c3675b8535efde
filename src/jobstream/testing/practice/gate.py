"""What happens instead of an answer, and before it."""

from __future__ import annotations

import asyncio
import math

from jobstream.testing.practice.reply import Asked, Reply, error
from jobstream.testing.practice.state import Practice


async def gate(practice: Practice, asked: Asked) -> Reply | None:
    """None: go on."""
    faults = practice.faults
    if slow := faults.due("latency", asked):
        await asyncio.sleep(practice.scaled(slow.number, slow.jitter))
    if faults.due("hang", asked):
        return Reply(hangs=True).note("hang")
    if faults.due("drop", asked):
        return Reply(silent=True).note("drop")
    return _throttled(practice, asked) or _refused(practice, asked)


def _throttled(practice: Practice, asked: Asked) -> Reply | None:
    if slow := practice.faults.due("429", asked):
        return _too_many(practice, asked, slow.number)
    if "rate-limit" not in practice.faults:
        return None
    now = practice.now()
    for fault in practice.faults.named("rate-limit", asked):
        second, n = practice.second
        practice.second = (int(now), n + 1 if second == int(now) else 1)
        if practice.second[1] > fault.number:
            practice.faults.perform(fault)
            return _too_many(practice, asked, int(now) + 1 - now)
    return None


def _too_many(practice: Practice, asked: Asked, seconds: float) -> Reply:
    if asked.job:
        asked.job.quiet_until = practice.now() + seconds
    return error(429, "too many requests", {"Retry-After": str(math.ceil(seconds))}).note("429")


def _refused(practice: Practice, asked: Asked) -> Reply | None:
    if broken := practice.faults.due("5xx", asked):
        return error(int(broken.number), "something went wrong").note("5xx")
    if asked.origin != "elsewhere" and (moved := practice.faults.due("redirect", asked)):
        base = practice.config.elsewhere_origin or practice.elsewhere_url
        return Reply(int(moved.number), {"Location": base + _unprefixed(asked)}).note("redirect")
    if practice.faults.due("redirect-loop", asked):
        return Reply(302, {"Location": asked.target}).note("redirect-loop")
    return None


def _unprefixed(asked: Asked) -> str:
    return asked.target.removeprefix(f"/{asked.way}") if asked.way else asked.target


def look_for_credentials(practice: Practice, asked: Asked) -> None:
    """Notes what the files' and the other host should never see: Authorization, cookies, the key in any header or in the query."""
    key = practice.config.key
    for name, value in asked.headers.items():
        if name.lower() in ("authorization", "proxy-authorization", "cookie", "x-api-key") or key in value:
            practice.counts.misplaced.append(f"{asked.method} {asked.path} {name}")
    if key in asked.raw_query or practice.config.client_secret in asked.raw_query:
        practice.counts.misplaced.append(f"{asked.method} {asked.path} query")


def note_early(practice: Practice, asked: Asked) -> None:
    """A request about a job within the time that a Retry-After asked for."""
    if asked.job and practice.now() < asked.job.quiet_until - 0.02:
        asked.job.early += 1
