"""THE ONLY composition root: concrete things are chosen and joined here and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from jobstream.clock import SystemClock, new_id, new_uuid
from jobstream.components.catalog import LINES, Catalog, installed
from jobstream.engine.hands import Hands
from jobstream.engine.shard import EVER, Shard
from jobstream.engine.source import hands_of
from jobstream.engine.stream import StreamRun
from jobstream.errors import UsageError
from jobstream.jobs.event import AnyEvent, Planned, Slice
from jobstream.jobs.job import Job
from jobstream.plan.notes import Json
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import StreamPlan
from jobstream.ports import Ports
from jobstream.template.language import Language, Plain, Scope
from jobstream.wish import Outcome, Wish, chosen

if TYPE_CHECKING:
    from jobstream.dialects.compiled import Compiled
    from jobstream.kinds import Destination, Partitions
    from jobstream.ledger.runs import Run, Runs
    from jobstream.ledger.seal import Seal
    from jobstream.ledger.shelf import Shelf
    from jobstream.ports import Clock
    from jobstream.project import Project
    from jobstream.records.trace import Sink
    from jobstream.redact import Redactor

Watch = Callable[[Job, AnyEvent], None]


class App:
    """A project and the world around it. clock: the system's, unless a test brings its own."""

    def __init__(self, project: Project, clock: Clock | None = None) -> None:
        self.project = project
        self.clock: Clock = clock or SystemClock()
        self.catalog = Catalog({**LINES, **installed()})

    # -- documents

    def load(self, path: str, text: str, config: dict[str, Json] | None = None) -> Compiled:
        """Compiles a manifest or a file of Celigo resources, whichever it is. Mistakes are inside; DocumentError only where the
        text cannot be read at all."""
        if is_resources(path, text):
            from jobstream.dialects.celigo.load import load as load_resources

            return load_resources(path, text, self.catalog, config=config, now=self.clock.now)
        from jobstream.dialects.airbyte.load import load as load_manifest

        return load_manifest(path, text, self.catalog, config=config, now=self.clock.now)

    def language(self, plan: SourcePlan) -> Language:
        if plan.language == "jinja":
            from jobstream.template.jinja import Jinja

            return Jinja(plan.names, self.clock.now, new_uuid)
        if plan.language == "handlebars":
            from jobstream.template.handlebars import Handlebars

            return Handlebars(plan.names, self.clock.now)
        return Plain()

    # -- what is kept

    def seal(self) -> Seal:
        from jobstream.ledger.seal import AesSeal

        return AesSeal(self.project.key())

    def shelf(self) -> Shelf:
        from jobstream.ledger.shelf import Shelf

        self.project.make()
        return Shelf(str(self.project.ledger_path), self.seal())

    def runs(self) -> Runs:
        from jobstream.ledger.runs import Runs

        self.project.make()
        return Runs(str(self.project.ledger_path), self.seal())

    def redactor(self, run: str) -> Redactor:
        """Knows the secrets of a run's config."""
        from jobstream.redact import Redactor, secrets_in

        with contextlib.closing(self.runs()) as runs:
            plan, config = self._of_run(runs, runs.run(run))
        return Redactor(secrets_in(config, plan.secrets) if plan else ())

    def _of_run(self, runs: Runs, run: Run | None) -> tuple[SourcePlan | None, dict[str, Json]]:
        return (runs.plan(run.plan), runs.config(run.id)) if run is not None else (None, {})

    async def sweep(self, live: set[str]) -> str:
        """Takes out of the spool what no live job owes; how much that was, for people."""
        from jobstream.spool.folder import FolderSpool

        spool = FolderSpool(self.project.spool_path, self.project.settings.spool_bytes)
        gone = await spool.sweep(lambda name: name.partition("/")[0] in live)
        await spool.close()
        return f"{gone.bytes:,} bytes"

    # -- runs

    async def run(self, plan: SourcePlan, config: dict[str, Json], wish: Wish, destination: Destination, *, trace: Sink,
                  watch: Watch, stop: asyncio.Event) -> Outcome:  # fmt: skip
        """Runs until nothing is owed, or until `stop` is set: then what we made is aborted where the plan says how.

        A run of the same question to the same destination that was killed is gone on with. Raises HeldError where another
        process has the source, UsageError for a stream that is not there or a destination that does not fit what was begun."""
        plan, began = chosen(plan, wish), self.clock.now()
        with self.project.hold(plan.name), contextlib.closing(self.runs()) as runs:
            async with self._ports(plan, wish, destination, trace) as ports:
                hands, streams = await self._hands(plan, config, wish, ports)
                asked = {name: h.asked for name, h in hands.items()}
                self._fits(runs, plan.name, wish)
                run_id = self._begin(runs, plan, config, asked, wish, began)
                settings = self.project.settings
                shard = Shard(plan.name, hands, ports, owner=f"pid {os.getpid()}", run=run_id, moves=settings.downloads,
                              in_flight=settings.in_flight, slots=plan.slots, watch=watch)  # fmt: skip
                births = () if wish.collect else itertools.chain.from_iterable(
                    streams[s.name].births(self._partitions(s, config, plan), run_id) for s in plan.streams)  # fmt: skip
                await _obey(shard, births, wish, stop, settings.stop_seconds)
            outcome = Outcome(run=run_id, source=plan.name, there=wish.there, jobs=dict(shard.jobs), foreign=shard.foreign,
                              no_wait=wish.no_wait, stopped=stop.is_set(), took=self.clock.now() - began)  # fmt: skip
            runs.end(run_id, self.clock.now(), "done" if outcome.good else "failed", outcome.numbers)
            return outcome

    def _begin(
        self, runs: Runs, plan: SourcePlan, config: dict[str, Json], asked: dict[str, str], wish: Wish, at: float
    ) -> str:
        last = runs.unfinished(plan.name, asked, wish.there)
        run_id = last.id if last is not None else new_id()
        runs.begin(run_id, plan, config, asked, shard=plan.name, destination=wish.there, started=at)
        return run_id

    def _fits(self, runs: Runs, source: str, wish: Wish) -> None:
        """Records of a live job that are with one destination already must not go on to another. Raises UsageError."""
        with contextlib.closing(self.shelf()) as shelf:
            begun = [s for s in shelf.jobs(source=source, live=True) if s.records and not wish.cancel]
        for s in begun:
            there = run.destination if (run := runs.run(s.run)) is not None else wish.there
            if there != wish.there:
                raise UsageError(f"a job that was broken off has delivered a part of its records as {there}", where=s.id,
                                 hint="finish it there first, or `jobstream jobs cancel --now` it")  # fmt: skip

    @contextlib.asynccontextmanager
    async def _ports(self, plan: SourcePlan, wish: Wish, destination: Destination, trace: Sink) -> AsyncIterator[Ports]:
        from jobstream.http.budgets import Budgets
        from jobstream.http.transport import HttpTransport
        from jobstream.ledger.sqlite import SqliteLedger
        from jobstream.spool.folder import FolderSpool

        settings = self.project.settings
        budgets = Budgets(plan.budgets, self.clock)
        ledger = SqliteLedger(str(self.project.ledger_path), seal=self.seal())
        spool = FolderSpool(self.project.spool_path, settings.spool_bytes)
        transport = HttpTransport(self.clock, origins=wish.origins, allow_private=wish.allow_private, budgets=budgets,
                                  per_host=settings.connections)  # fmt: skip
        try:
            yield Ports(self.clock, transport, ledger, spool, destination, trace, budgets=budgets)
        finally:
            await transport.close()
            await spool.close()
            ledger.close()

    async def _hands(self, plan: SourcePlan, config: dict[str, Json], wish: Wish,
                     ports: Ports) -> tuple[dict[str, Hands], dict[str, StreamRun]]:  # fmt: skip
        states = wish.state if wish.state is not None else await ports.ledger.checkpoints(plan.name)
        return hands_of(plan, config, self.catalog, self.language(plan), ports, states)

    def _partitions(self, stream: StreamPlan, config: dict[str, Json], plan: SourcePlan) -> Iterator[Slice]:
        if stream.partitions is None:
            return iter((Slice(),))
        partitions = cast("Partitions", self.catalog.build(stream.partitions, self.language(plan)))
        return partitions.slices((), Scope({"config": lambda: config}))


async def _obey(shard: Shard, births: Iterable[tuple[str, Planned]], wish: Wish, stop: asyncio.Event, patience: float) -> None:
    """The shard's run beside the person's wish to stop."""

    async def listen() -> None:
        await stop.wait()
        await shard.stop("the person at the keyboard", patience)

    listening = asyncio.create_task(listen())
    try:
        await shard.run(
            births,
            wish.given,
            no_wait=wish.no_wait,
            only=wish.only,
            cancel=wish.cancel,
            within=patience if wish.cancel else EVER,
        )
    finally:
        listening.cancel()


def is_resources(path: str, text: str) -> bool:
    """A file of Celigo resources rather than a manifest in JSON."""
    return Path(path).suffix == ".json" and '"asynchelpers"' in text.lower()
