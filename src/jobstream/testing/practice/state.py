"""All that a running practice API knows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from jobstream.clock import SystemClock
from jobstream.testing.practice.config import Format, PracticeConfig
from jobstream.testing.practice.faults import Faults
from jobstream.testing.practice.jobs import Family, Job, Jobs, part_of
from jobstream.testing.practice.links import Links
from jobstream.testing.practice.reply import Asked
from jobstream.testing.practice.report import Counts, Report, report_of
from jobstream.testing.practice.store import Store
from jobstream.testing.practice.tokens import Tokens


class Practice:
    """One world: its jobs, files, links, tokens, faults and counts. Belongs to one event loop."""

    def __init__(self, config: PracticeConfig) -> None:
        self.clock = SystemClock()
        self.url = self.files_url = self.elsewhere_url = ""
        self._begin(config)

    def _begin(self, config: PracticeConfig) -> None:
        self.config = config
        self.faults = Faults(config.faults)
        self.jobs = Jobs(config.seed)
        self.links = Links()
        self.store = Store(config)
        self.counts = Counts()
        self.tokens = Tokens(config)
        self.chance = random.Random(config.seed)
        self.started = self.now()
        self.lost: set[str] = set()
        self.second = (0, 0)

    def reset(self, config: PracticeConfig | None = None) -> None:
        """As after the start: no jobs, no counts, the faults of the config. What is in flight stays counted."""
        in_flight = self.counts.in_flight
        self._begin(config or self.config)
        self.counts.in_flight = self.counts.in_flight_max = in_flight

    def finish(self) -> None:
        """All that is pending comes to its end now, except what never does."""
        now = self.now()
        for job in self.jobs.running(now):
            job.done_at = now if job.done_at < float("inf") else job.done_at

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.clock.now()

    @contextmanager
    def in_flight(self, asked: Asked) -> Iterator[None]:
        """Counts what is being answered; our own controls are not counted."""
        n = 0 if asked.path.startswith("/_practice/") else 1
        self.counts.in_flight += n
        self.counts.in_flight_max = max(self.counts.in_flight_max, self.counts.in_flight)
        try:
            yield
        finally:
            self.counts.in_flight -= n

    def scaled(self, seconds: float, jitter: float = 0.0) -> float:
        return (seconds + self.chance.random() * jitter) * self.config.time_scale

    def report(self, *, brief: bool = False) -> Report:
        return report_of(self.counts, self.jobs, self.faults.performed, self.now(), brief=brief)

    def make(self, family: Family, asked: Asked) -> Job:
        """A new job for what is asked, with the course that the faults in force give it."""
        part = part_of(asked.document, asked.query)
        ref = asked.said("client_ref") or asked.headers.get("X-Client-Ref", "")
        key = asked.headers.get("Idempotency-Key", "")
        job = self.jobs.make(family, part, self.now(), 0.0, key=key, ref=ref)
        asked.job = job
        slow = self.faults.due("duration", asked)
        seconds, jitter = (slow.number, slow.jitter) if slow else (self.config.job_seconds, self.config.jitter)
        job.done_at = job.made + self.scaled(seconds, jitter)
        for name, end in (("failed", "failed"), ("failed-once", "failed"), ("timed-out", "timeout")):
            if self.faults.due(name, asked):
                job.end = end
        if self.faults.due("never-done", asked):
            job.done_at = float("inf")
        if gone := self.faults.due("vanished", asked):
            job.vanish = int(gone.number)
        return job

    def format_of(self, job: Job) -> Format:
        return "xml" if job.family == "xml" else self.config.format

    def links_of(self, job: Job) -> list[str]:
        """Fresh ones, one for each file."""
        base = self.config.files_origin or self.files_url
        format = self.format_of(job)
        ending = f"{format}.gz" if self.store.is_gzip(format) else format
        urls = []
        for k in range(self.config.files):
            spot = Asked("files", "GET", f"/exports/{job.id}/{k}.{ending}", {}, b"")
            spot.route, spot.job, spot.file = "download", job, k
            short, used = self.faults.due("link-expires", spot), self.faults.due("link-uses", spot)
            life = self.scaled(short.number if short else self.config.link_seconds)
            urls.append(base + self.links.sign(spot.path, self.now(), life, int(used.number) if used else 0))
        return urls

    def has_key(self, asked: Asked) -> bool:
        """Bearer with the key or a live token, or the key as X-API-Key."""
        said = asked.headers.get("Authorization", "")
        scheme, _, token = said.partition(" ")
        if scheme.lower() == "bearer" and (token == self.config.key or self.tokens.is_live(token, self.now())):
            return True
        return asked.headers.get("X-API-Key") == self.config.key
