"""THE ONLY composition root: concrete things are chosen and joined here and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from msgspec import Struct, structs

from jobstream.clock import SystemClock, new_id
from jobstream.components.catalog import LINES, Catalog, installed
from jobstream.errors import DocumentError, UsageError
from jobstream.jobs.event import AnyEvent, Planned, Slice
from jobstream.jobs.job import Job
from jobstream.plan.notes import Json
from jobstream.plan.source import Budget, SourcePlan
from jobstream.plan.stream import Limits, StreamPlan
from jobstream.template.language import Language, Plain, Scope

if TYPE_CHECKING:
    from jobstream.dialects.compiled import Compiled
    from jobstream.engine.shard import Shard
    from jobstream.engine.stream import StreamRun
    from jobstream.kinds import Destination, Partitions
    from jobstream.ports import Clock, Ports
    from jobstream.project import Project, Settings
    from jobstream.records.trace import Sink

Watch = Callable[[Job, AnyEvent], None]


class Wish(Struct, frozen=True, kw_only=True):
    """What a person asks of one run.

    streams   by name; (): all
    attempts  remote jobs for one slice; None: what settings or the document say
    no_wait   create the jobs and end
    collect   take over what is live, make nothing new
    limits    a test read is this
    state     by stream, as the ledger keeps it; None: the ledger's own
    given     the ledger position that the state brought back (lent receipts)
    allow_private  hosts that are private, loopback or link-local may be asked
    """

    streams: tuple[str, ...] = ()
    attempts: int | None = None
    no_wait: bool = False
    collect: bool = False
    limits: Limits = Limits()
    state: dict[str, Json] | None = None
    given: int | None = None
    origins: dict[str, str] = {}
    allow_private: bool = True


class App:
    """A project and the world around it. clock: the system's, unless a test brings its own."""

    def __init__(self, project: Project, clock: Clock | None = None) -> None:
        self.project = project
        self.clock: Clock = clock or SystemClock()
        self.catalog = Catalog({**LINES, **installed()})

    # -- documents

    def load(self, path: str, text: str, config: dict[str, Json] | None = None) -> Compiled:
        """Compiles a manifest or a file of Celigo resources, whichever it is; findings are inside, nothing is raised for them."""
        if _is_celigo(path, text):
            from jobstream.dialects.celigo.load import load as load_resources

            return load_resources(path, text, self.catalog, config=config, now=self.clock.now)
        from jobstream.dialects.airbyte.load import load as load_manifest

        return load_manifest(path, text, self.catalog, config=config, now=self.clock.now)

    def language(self, plan: SourcePlan) -> Language:
        if plan.language == "jinja":
            from jobstream.template.jinja import Jinja

            return Jinja(plan.names, self.clock.now)
        if plan.language == "handlebars":
            from jobstream.template.handlebars import Handlebars

            return Handlebars(plan.names)
        return Plain()

    # -- runs

    async def run(self, compiled: Compiled, config: dict[str, Json], wish: Wish, destination: Destination, *, trace: Sink,
                  watch: Watch, stop: asyncio.Event) -> Outcome:  # fmt: skip
        """Runs until nothing is owed, or until `stop` is set: then what we made is aborted where the plan says how.

        Raises HeldError where another process has the source, UsageError for a stream that is not there."""
        plan = chosen(compiled.plan, wish, self.project.settings)
        with self.project.hold(plan.name):
            async with self._ports(plan, wish, destination, trace) as ports:
                shard, births = await self._shard(plan, config, wish, ports, watch)
                return await _obey(shard, births, wish, stop, self.project.settings.stop_seconds)

    @contextlib.asynccontextmanager
    async def _ports(self, plan: SourcePlan, wish: Wish, destination: Destination, trace: Sink) -> AsyncIterator[Ports]:
        from jobstream.http.budgets import Budgets
        from jobstream.http.transport import HttpTransport
        from jobstream.ledger.sqlite import SqliteLedger
        from jobstream.ports import Ports
        from jobstream.spool.folder import FolderSpool

        self.project.make()
        settings = self.project.settings
        budgets = Budgets(plan.budgets, self.clock)
        ledger = SqliteLedger(str(self.project.ledger_path))
        transport = HttpTransport(self.clock, origins=wish.origins, allow_private=wish.allow_private, per_host=settings.connections,
                                  budgets=budgets)  # fmt: skip
        spool = FolderSpool(self.project.spool_path, most=settings.spool_bytes)
        try:
            yield Ports(self.clock, transport, ledger, spool, destination, trace, budgets=budgets)
        finally:
            await transport.close()
            ledger.close()

    async def _shard(self, plan: SourcePlan, config: dict[str, Json], wish: Wish, ports: Ports,
                     watch: Watch) -> tuple[Shard, Iterator[tuple[str, Planned]]]:  # fmt: skip
        from jobstream.engine.shard import Shard
        from jobstream.engine.source import hands_of

        language = self.language(plan)
        states = wish.state if wish.state is not None else await ports.ledger.checkpoints(plan.name)
        hands, runs = hands_of(plan, config, self.catalog, language, ports, states)
        settings = self.project.settings
        shard = Shard(plan.name, hands, ports, owner=f"pid {os.getpid()}", moves=settings.downloads, in_flight=settings.in_flight,
                      slots=plan.slots, watch=watch)  # fmt: skip
        births = () if wish.collect else itertools.chain.from_iterable(
            runs[s.name].births(self._partitions(s, config, language), new_id=lambda piece: new_id()) for s in plan.streams)  # fmt: skip
        return shard, iter(births)

    def _partitions(self, stream: StreamPlan, config: dict[str, Json], language: Language) -> Iterator[Slice]:
        if stream.partitions is None:
            return iter((Slice(),))
        partitions = cast("Partitions", self.catalog.build(stream.partitions, language))
        return partitions.slices((), Scope({"config": lambda: config}))


class Outcome(Struct, frozen=True, kw_only=True):
    """What a run came to. jobs: those of this source that it had in hand · foreign: of an edited document, left alone.

    late: ids of jobs that were not at rest when the time for stopping was over"""

    jobs: dict[str, Job]
    foreign: dict[str, Job]
    stopped: bool = False
    late: tuple[str, ...] = ()


async def _obey(shard: Shard, births: Iterator[tuple[str, Planned]], wish: Wish, stop: asyncio.Event, patience: float) -> Outcome:
    """The shard's run beside the person's wish to stop."""
    running = asyncio.create_task(shard.run(births, wish.given, no_wait=wish.no_wait))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    late: tuple[str, ...] = ()
    if stop.is_set() and not running.done():
        await shard.cancel([i for i, j in shard.jobs.items() if not j.over], "the person at the keyboard")
        await asyncio.wait((running,), timeout=patience)
        if not running.done():
            late = tuple(i for i, j in shard.jobs.items() if not j.over)
            running.cancel()
    stopping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return Outcome(jobs=shard.jobs, foreign=shard.foreign, stopped=stop.is_set(), late=late)


def chosen(plan: SourcePlan, wish: Wish, settings: Settings) -> SourcePlan:
    """The plan with what the person chose laid over: streams, attempts, limits. All of it is plan data, so it shows in reports.

    Raises UsageError for a stream that the document does not have."""
    known = {s.name: s for s in plan.streams}
    missing = [name for name in wish.streams if name not in known]
    if missing:
        raise UsageError(f"there is no stream {missing[0]!r}", where=plan.name, hint="there are: " + ", ".join(known))
    streams = [known[n] for n in wish.streams] if wish.streams else [s for s in plan.streams if not s.hidden]
    attempts = wish.attempts or settings.attempts
    slots = {name: settings.jobs or n for name, n in plan.slots.items()}
    budgets = {**plan.budgets, "": Budget(rate=settings.rate)} if settings.rate else plan.budgets
    return structs.replace(plan, streams=tuple(_limited(s, wish.limits, attempts) for s in streams), slots=slots, budgets=budgets)


def _limited(stream: StreamPlan, limits: Limits, attempts: int | None) -> StreamPlan:
    retrieval = stream.retrieval
    if attempts is not None:
        retrieval = structs.replace(retrieval, policy=structs.replace(retrieval.policy, attempts=attempts))
    return structs.replace(stream, retrieval=retrieval, limits=limits if limits != Limits() else stream.limits)


def _is_celigo(path: str, text: str) -> bool:
    return Path(path).suffix == ".json" and '"asynchelpers"' in text.lower()


def usable(compiled: Compiled) -> SourcePlan:
    """The plan, if the document has no mistake. Raises DocumentError with every one of them."""
    faults = tuple(compiled.faults())
    if faults:
        raise DocumentError(f"{len(faults)} mistake{'s' if len(faults) > 1 else ''}", where=compiled.name, faults=faults)
    return compiled.plan


