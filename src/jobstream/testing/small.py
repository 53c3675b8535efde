"""A run of a whole source in memory: real shard, exchanges, components; SQLite in a file that is thrown away."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable

from jobstream.components.catalog import Catalog
from jobstream.engine.hands import Lanes
from jobstream.engine.shard import EVER, Shard
from jobstream.engine.source import hands_of
from jobstream.jobs.event import Slice
from jobstream.jobs.job import Job
from jobstream.ledger.sqlite import SqliteLedger
from jobstream.plan.notes import Json
from jobstream.plan.source import SourcePlan
from jobstream.ports import Ports, Transport
from jobstream.records.batch import Row
from jobstream.records.trace import Trace
from jobstream.template.handlebars import Handlebars
from jobstream.template.jinja import Jinja
from jobstream.template.language import Language, Plain
from jobstream.testing.clock import VirtualClock, inline
from jobstream.testing.destinations import Keyed
from jobstream.testing.spool import MemorySpool


def language_of(plan: SourcePlan) -> Language:
    if plan.language == "jinja":
        return Jinja(plan.names)
    return Handlebars(plan.names) if plan.language == "handlebars" else Plain()


class Small:
    """records by stream, in the order of part keys; traces in the order they were made."""

    def __init__(self, plan: SourcePlan, config: Json, transport: Transport) -> None:
        self.plan, self.config, self.transport = plan, config, transport
        self.traces: list[Trace] = []
        self.destination = Keyed(True)
        self.clock = VirtualClock()
        self.states: dict[str, Json] = {}

    async def run(self, stream: str, partitions: Iterable[Slice] = (Slice(),), **limits: int) -> dict[str, Job]:
        with tempfile.TemporaryDirectory() as folder:
            ledger = SqliteLedger(os.path.join(folder, "l.db"), inline)
            ports = Ports(self.clock, self.transport, ledger, MemorySpool(), self.destination, self.traces.append, inline)
            hands, runs = hands_of(
                self.plan, self.config, Catalog(config=self.config), language_of(self.plan), ports, self.states
            )
            shard = Shard("s", hands, ports, slots=self.plan.slots, heeds=EVER, lanes=Lanes(**limits))
            jobs = await shard.run(runs[stream].births(partitions))
            self.states = await ledger.checkpoints("s")
            return jobs

    def records(self, stream: str) -> list[Row]:
        return [r for key in sorted(self.destination.parts) if key.stream == stream for r in self.destination.parts[key]]
