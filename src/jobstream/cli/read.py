"""`jobstream read`: records and states on standard output, in the words of the Airbyte protocol."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from jobstream.cli.progress import short
from jobstream.cli.signals import stopping
from jobstream.cli.telling import fault_text, tell
from jobstream.cli.tracing import line
from jobstream.errors import DocumentError, RemoteError
from jobstream.jobs.event import AnyEvent
from jobstream.jobs.job import Job
from jobstream.records.trace import unwatched
from jobstream.wish import GOOD, Outcome, Wish

if TYPE_CHECKING:
    from jobstream.app import App
    from jobstream.destinations.airbyte import Airbyte
    from jobstream.dialects.airbyte.protocol import ConfiguredCatalog
    from jobstream.dialects.airbyte.states import Speech, Spoken
    from jobstream.dialects.compiled import Compiled
    from jobstream.plan.notes import Json
    from jobstream.plan.source import SourcePlan
    from jobstream.records.trace import Trace

LOG = logging.getLogger("jobstream.read")


async def read(app: App, compiled: Compiled, config: dict[str, Any], catalog: ConfiguredCatalog, states: Mapping[str, Json],
               origins: dict[str, str]) -> int:  # fmt: skip
    """The exit code: 1 where a stream was not read to its end. A stream that the manifest does not have is INCOMPLETE, no more."""
    from jobstream.destinations.airbyte import Airbyte, Log
    from jobstream.destinations.pipe import Pipe
    from jobstream.dialects.airbyte.protocol import read_ended
    from jobstream.dialects.airbyte.states import Speech

    known = {s.name for s in compiled.plan.streams}
    chosen = tuple(s.name for s in catalog.streams if s.name in known)
    speech, pipe = Speech(spoken_of(app, compiled.plan)), Pipe()
    out = Airbyte(pipe, speech, app.clock.now)
    log = Log(pipe, speech)
    LOG.parent.addHandler(log) if LOG.parent else LOG.addHandler(log)
    stop = asyncio.Event()
    try:
        for stream in catalog.streams:
            if stream.name in known:
                out.begin(stream.name)
            else:
                out.end(stream.name, complete=False)
        if not chosen:
            return 0
        with stopping(stop):
            outcome = await app.run(compiled.plan, config, _wish(chosen, speech, states, origins), out, watch=_log, stop=stop,
                                    trace=_debug if LOG.isEnabledFor(logging.DEBUG) else unwatched)  # fmt: skip
        failures = _close(out, outcome, chosen, int(app.clock.now() * 1000))
        ended = read_ended(failures, int(app.clock.now() * 1000))
        for message in ended.messages:
            out.say(message)
        return ended.exit_code
    finally:
        LOG.parent.removeHandler(log) if LOG.parent else LOG.removeHandler(log)


def spoken_of(app: App, plan: SourcePlan) -> dict[str, Spoken]:
    """How each stream's state is told."""
    from jobstream.dialects.airbyte.states import Spoken, Tongue

    language = app.language(plan)
    return {s.name: Spoken(cast("Tongue", app.catalog.build(s.cursor, language)) if s.cursor else None, s.partitions is not None)
            for s in plan.streams}  # fmt: skip


def _wish(chosen: tuple[str, ...], speech: Speech, states: Mapping[str, Json], origins: dict[str, str]) -> Wish:
    given = speech.given({name: states[name] for name in chosen if name in states})
    positions = {name: g.position for name, g in given.items() if name in chosen and g.position is not None}
    return Wish(streams=chosen, state={name: g.state for name, g in given.items() if name in chosen}, given=positions or None,
                origins=origins, settles=False)  # fmt: skip


def _debug(t: Trace) -> None:
    LOG.debug("%s", line(t))


def _log(job: Job, event: AnyEvent) -> None:
    LOG.info("%s %s %s", job.stream, short(job.id), tell(event))


def _close(out: Airbyte, outcome: Outcome, chosen: tuple[str, ...], at_ms: int) -> dict[str, Exception]:
    """COMPLETE, or what went wrong and INCOMPLETE; by stream."""
    from jobstream.dialects.airbyte import protocol

    failures: dict[str, Exception] = {}
    for name in chosen:
        left = [j for j in outcome.jobs.values() if j.stream == name and j.phase not in GOOD]
        if left:
            text = f"{len(left)} of its jobs did not end well: {fault_text(left[0].fault) or left[0].phase}"
            failures[name] = (DocumentError if left[0].halt else RemoteError)(text, where=name)
            out.say(protocol.error(text, at_ms, kind=protocol.failure_type(failures[name]), stream=name))
        out.end(name, complete=not left)
    return failures
