"""What a person asks of one run, and what it came to. Plain data."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct, structs

from jobstream.errors import UsageError
from jobstream.jobs.job import Job
from jobstream.plan.notes import Json
from jobstream.plan.source import Budget, SourcePlan
from jobstream.plan.stream import Limits, StreamPlan

GOOD = frozenset(("done", "skipped", "lent", "split"))


class Wish(Struct, frozen=True, kw_only=True):
    """What a person asks of one run.

    streams   by name; (): all
    to, format, write  where records go: a folder or `-`; jsonl, csv, parquet; append, replace, auto
    attempts  remote jobs for one slice · jobs: open at the same time; None: what the document says
    rate      requests a second; 0: no limit of ours
    no_wait   create the jobs and end
    collect   take over what is live, make nothing new · only: of it, these jobs · cancel: who ends them
    limits    a test read is this
    state     by stream, as the ledger keeps it; None: the ledger's own
    given     the ledger position that the state brought back (lent receipts), or that of each stream
    settles   a lending destination has what it was given when the run has ended by itself (a pipe); False: only what a state
              covers that comes back (Airbyte)
    allow_private  hosts that are private, loopback or link-local may be asked
    """

    streams: tuple[str, ...] = ()
    to: str = "-"
    format: str = "jsonl"
    write: str = "auto"
    attempts: int | None = None
    jobs: int | None = None
    rate: float = 0.0
    no_wait: bool = False
    collect: bool = False
    only: frozenset[str] | None = None
    cancel: str = ""
    limits: Limits = Limits()
    state: dict[str, Json] | None = None
    given: int | dict[str, int] | None = None
    origins: dict[str, str] = {}
    settles: bool = True
    allow_private: bool = True

    @property
    def there(self) -> str:
        """The destination, named so that another run can be compared with it."""
        return self.to if self.to == "-" else f"{self.format} in {Path(self.to).absolute()}"


class Outcome(Struct, frozen=True, kw_only=True):
    """What a run came to.

    jobs     those of this source that it had in hand · foreign: of an edited document, left alone
    stopped  a person asked for an end · there: where records went · took: seconds
    numbers  the report by stream, see engine/report.py"""

    run: str
    source: str
    there: str
    jobs: dict[str, Job]
    foreign: dict[str, Job]
    numbers: Json = None
    no_wait: bool = False
    stopped: bool = False
    took: float = 0.0

    @property
    def left(self) -> list[Job]:
        """Neither well ended nor, where nobody waits for them, on their way."""
        return [
            j for j in self.jobs.values() if j.phase not in GOOD and not (self.no_wait and not j.over and j.phase != "parked")
        ]

    @property
    def good(self) -> bool:
        return not self.left and not self.stopped


def chosen(plan: SourcePlan, wish: Wish) -> SourcePlan:
    """The plan with what the person chose laid over: streams, attempts, limits. All of it is plan data, so it shows in reports.

    Raises UsageError for a stream that the document does not have."""
    known = {s.name: s for s in plan.streams}
    missing = [name for name in wish.streams if name not in known]
    if missing:
        raise UsageError(f"there is no stream {missing[0]!r}", where=plan.name, hint="there are: " + ", ".join(known))
    streams = [known[n] for n in wish.streams] if wish.streams else [s for s in plan.streams if not s.hidden]
    slots = {name: wish.jobs or n for name, n in plan.slots.items()}
    budgets = plan.budgets if not wish.rate else {**plan.budgets, "": evenly(wish.rate)}
    return structs.replace(plan, streams=tuple(_limited(s, wish) for s in streams), slots=slots, budgets=budgets)


def evenly(rate: float) -> Budget:
    """rate: requests a second. As short a span as whole requests allow, so that a second never sees a burst."""
    whole = max(1, int(rate))
    return Budget(rate=whole, per=whole / rate)


def _limited(stream: StreamPlan, wish: Wish) -> StreamPlan:
    retrieval = stream.retrieval
    if wish.attempts is not None:
        retrieval = structs.replace(retrieval, policy=structs.replace(retrieval.policy, attempts=wish.attempts))
    return structs.replace(stream, retrieval=retrieval, limits=wish.limits if wish.limits != Limits() else stream.limits)
