"""THE ONLY composition root: concrete things are chosen and joined here and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from msgspec import to_builtins

from jobstream.clock import SystemClock, new_id, new_uuid
from jobstream.components.catalog import LINES, Catalog, installed
from jobstream.engine.hands import Hands, Lanes
from jobstream.engine.report import Report
from jobstream.engine.shard import EVER, Shard
from jobstream.engine.source import hands_of
from jobstream.engine.stream import StreamRun
from jobstream.errors import DocumentError, UsageError
from jobstream.jobs.event import AnyEvent, Planned, Slice
from jobstream.jobs.job import Job
from jobstream.plan.notes import Json
from jobstream.plan.source import SourcePlan
from jobstream.plan.stream import StreamPlan
from jobstream.ports import Ports
from jobstream.records.trace import unwatched
from jobstream.template.language import Language, Plain, Scope
from jobstream.wish import Outcome, Wish, chosen

if TYPE_CHECKING:
    from jobstream.dialects.compiled import Compiled
    from jobstream.documents.store.store import Store
    from jobstream.kinds import Destination, Partitions
    from jobstream.ledger.runs import Run, Runs
    from jobstream.ledger.seal import Seal
    from jobstream.ledger.shelf import Shelf
    from jobstream.ports import Clock
    from jobstream.project import Project, Settings
    from jobstream.records.trace import Sink
    from jobstream.redact import Redactor

Watch = Callable[[Job, AnyEvent], None]
ALL = 1 << 62  # a ledger position that covers every line


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
        """The jobs, for people. Closed by the caller."""
        from jobstream.ledger.shelf import Shelf

        self.project.make()
        return Shelf(str(self.project.ledger_path), self.seal())

    def runs(self) -> Runs:
        """The runs and the plans they obeyed. Closed by the caller."""
        from jobstream.ledger.runs import Runs

        self.project.make()
        return Runs(str(self.project.ledger_path), self.seal())

    def redactor(self, run: str) -> Redactor:
        """Knows the secrets of a run's config."""
        from jobstream.redact import Redactor

        with contextlib.closing(self.runs()) as runs:
            plan, config = self.of_run(runs, runs.run(run))
        return Redactor(secrets_of(plan, config) if plan is not None else ())

    def of_run(self, runs: Runs, run: Run | None) -> tuple[SourcePlan | None, dict[str, Json]]:
        """What a run obeyed: its plan and its config."""
        return (runs.plan(run.plan), runs.config(run.id)) if run is not None else (None, {})

    async def sweep(self, live: set[str]) -> int:
        """Takes out of the spool what no live job owes. Returns bytes."""
        from jobstream.spool.folder import FolderSpool

        spool = FolderSpool(self.project.spool_path, self.project.settings.spool_bytes)
        gone = await spool.sweep(lambda name: name.partition("/")[0] in live)
        await spool.close()
        return gone.kept + gone.unfinished

    # -- runs

    async def run(self, plan: SourcePlan, config: dict[str, Json], wish: Wish, destination: Destination, *, trace: Sink = unwatched,
                  watch: Watch, stop: asyncio.Event) -> Outcome:  # fmt: skip
        """Runs until nothing is owed, or until `stop` is set: then what we made is aborted where the plan says how.

        A run of the same question to the same destination that was killed is gone on with. Raises HeldError where another
        process has the source, UsageError for a stream that is not there or a destination that does not fit what was begun."""
        plan, began = chosen(plan, wish), self.clock.now()
        report = Report(s.name for s in plan.streams)
        with self.project.hold(plan.name), contextlib.closing(self.runs()) as runs:
            self._fits(runs, plan.name, wish)
            async with self._ports(plan, wish, destination, trace, report) as ports:
                one = await self._one(plan, config, wish, ports, report)
                forgets = wish.given is None and _ended(runs, plan.name)
                run_id = self._begin(runs, one, wish, began)
                lends = destination.receipts == "lent"
                if lends and forgets:  # the lines of a run that ended are with whoever read them
                    await one.settling().run(given=ALL, no_wait=True)
                shard = one.shard(run_id, watch)
                await _obey(shard, () if wish.collect else one.births(run_id), wish, stop, self.project.settings.stop_seconds)
                if lends and wish.settles:
                    await one.settling().run(given=ALL, no_wait=wish.no_wait)
            outcome = Outcome(
                run=run_id, source=plan.name, there=wish.there, jobs=dict(shard.jobs), foreign=shard.foreign,
                numbers=to_builtins(report.streams(shard.jobs)), no_wait=wish.no_wait, stopped=stop.is_set(),
                took=self.clock.now() - began)  # fmt: skip
            runs.end(run_id, self.clock.now(), "done" if outcome.good else "failed", outcome.numbers)
            return outcome

    def _begin(self, runs: Runs, one: One, wish: Wish, at: float) -> str:
        asked = {name: h.asked for name, h in one.hands.items()}
        last = runs.unfinished(one.plan.name, asked, wish.there)
        run_id = last.id if last is not None else new_id()
        runs.begin(run_id, one.plan, one.config, asked, shard=one.plan.name, destination=wish.there, started=at)
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
    async def _ports(
        self, plan: SourcePlan, wish: Wish, destination: Destination, trace: Sink, report: Report
    ) -> AsyncIterator[Ports]:
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
        threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="work")

        async def work(f: Callable[..., Any], *a: Any) -> Any:
            return await asyncio.get_running_loop().run_in_executor(threads, f, *a)

        try:
            yield Ports(self.clock, transport, ledger, spool, destination, trace, work, budgets=budgets, vault=ledger,
                        spent=report.spent)  # fmt: skip
        finally:
            await transport.close()
            await spool.close()
            await asyncio.to_thread(threads.shutdown)
            ledger.close()

    async def _one(self, plan: SourcePlan, config: dict[str, Json], wish: Wish, ports: Ports, report: Report) -> One:
        states = wish.state if wish.state is not None else await ports.ledger.checkpoints(plan.name)
        language = self.language(plan)
        catalog = Catalog(self.catalog.lines, config)
        hands, streams = hands_of(plan, config, catalog, language, ports, states)
        one = One(plan, config, ports, hands, streams, catalog, language, self.project.settings, report)
        for s in plan.streams:
            if parents := one.parents(s):
                raise DocumentError(f"it is partitioned by records of stream {parents[0]!r}, which cannot be read for it yet", where=s.name,
                                    hint="choose other streams with --stream")  # fmt: skip
        return one


class One(NamedTuple):
    """One source, ready to be asked."""

    plan: SourcePlan
    config: dict[str, Json]
    ports: Ports
    hands: dict[str, Hands]
    streams: dict[str, StreamRun]
    catalog: Catalog
    language: Language
    settings: Settings
    report: Report

    def shard(self, run: str, watch: Watch = lambda job, event: None) -> Shard:
        def both(job: Job, event: AnyEvent) -> None:
            self.report.watch(job, event)
            watch(job, event)

        lanes = Lanes(moves=self.settings.downloads, in_flight=self.settings.in_flight)
        return Shard(self.plan.name, self.hands, self.ports, owner=f"pid {os.getpid()}", run=run, lanes=lanes, slots=self.plan.slots,
                     watch=both, took=self.report.took)  # fmt: skip

    def settling(self) -> Shard:
        """What only takes note that lent records are kept. It counts for itself: nothing of it is a number of the run."""
        return self._replace(report=Report(self.hands)).shard("")

    def births(self, run: str) -> Iterator[tuple[str, Planned]]:
        """The jobs of all streams, lazily; the streams take turns, so that none waits for another to be planned."""
        waiting = [self.streams[s.name].births(self._partitions(s), run) for s in self.plan.streams]
        while waiting:
            for births in list(waiting):
                birth = next(births, None)
                if birth is None:
                    waiting.remove(births)
                else:
                    yield birth

    def _partitions(self, stream: StreamPlan) -> Iterator[Slice]:
        built = self._built(stream)
        return iter((Slice(),)) if built is None else built.slices((), Scope({"config": lambda: self.config}))

    def parents(self, stream: StreamPlan) -> tuple[str, ...]:
        """Streams whose records its partitions are made of."""
        built = self._built(stream)
        return () if built is None else built.parents

    def _built(self, stream: StreamPlan) -> Partitions | None:
        return cast("Partitions", self.catalog.build(stream.partitions, self.language)) if stream.partitions else None


async def _obey(shard: Shard, births: Iterable[tuple[str, Planned]], wish: Wish, stop: asyncio.Event, patience: float) -> None:
    """The shard's run beside the person's wish to stop."""

    async def listen() -> None:
        await stop.wait()
        await shard.stop("the person at the keyboard", patience)

    listening = asyncio.create_task(listen())
    try:
        await shard.run(births, wish.given, no_wait=wish.no_wait, only=wish.only, cancel=wish.cancel,
                        within=patience if wish.cancel else EVER)  # fmt: skip
    finally:
        listening.cancel()


def _ended(runs: Runs, source: str) -> bool:
    """The newest run of a source came to its own end."""
    last = next(iter(runs.list(source=source, most=1)), None)
    return last is not None and last.ended is not None


def is_resources(path: str, text: str) -> bool:
    """A file of Celigo resources rather than a manifest in JSON."""
    return Path(path).suffix == ".json" and '"asynchelpers"' in text.lower()


def secrets_of(plan: SourcePlan, config: dict[str, Json]) -> tuple[str, ...]:
    """The values of config that the plan calls secret."""
    found = [at_path(config, path) for path in plan.secrets]
    return tuple(v for v in found if isinstance(v, str))


def at_path(config: Json, path: str) -> Json:
    """`a.b` in an object; None where nothing is."""
    for key in path.split("."):
        config = config.get(key) if isinstance(config, dict) else None
    return config


def store_of(
    data: Path,
    url: str | None = None,
    *,
    environ: Mapping[str, str] = {},
    bin_seconds: float = 30 * 86400.0,
    keyed: bool = True,
) -> Store:
    """What the service keeps: `data`/jobstream.db, or the database of a URL. To be opened and closed by the caller.

    keyed: with the key that seals secrets: JOBSTREAM_KEY, else the key file, JOBSTREAM_KEY_FILE or `data`/key.
    Raises UsageError, KeepingError."""
    from jobstream.documents.store.store import Store
    from jobstream.ledger.seal import NoSeal, seal_from

    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    given = environ.get("JOBSTREAM_KEY", "")
    file = Path(environ.get("JOBSTREAM_KEY_FILE") or data / "key")
    try:
        seal = seal_from(file, bytes.fromhex(given) if given else None) if keyed else NoSeal()
    except ValueError as e:
        raise UsageError("a key is 64 hexadecimal digits", where="JOBSTREAM_KEY") from e
    return Store(url or f"sqlite:///{data.absolute() / 'jobstream.db'}", seal, SystemClock().now, bin_seconds)
