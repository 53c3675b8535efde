"""(phase, event) -> phases it may lead to. The documents draw it, `apply` obeys it, a test visits every cell."""

from __future__ import annotations

from jobstream.jobs.event import (
    AnyEvent,
    AttemptEnded,
    CancelAsked,
    Created,
    CreateSent,
    Grade,
    Located,
    PartDelivered,
    PartLost,
    PartStored,
    Passed,
    Phase,
    Planned,
    Recalled,
    Retried,
    StatusSeen,
)  # fmt: skip

ENDS: frozenset[Phase] = frozenset(("done", "skipped", "failed", "timed_out", "cancelled", "split"))
RESTS: frozenset[Phase] = ENDS | {"parked", "lent"}  # nothing is owed in this run
STARTS: frozenset[Phase] = frozenset(("planned", "running", "fetching"))  # where a new attempt may begin
HOLDS_SLOT: frozenset[Phase] = frozenset(("creating", "starting", "running", "aborting"))  # counted, never stored
LIVE: tuple[Phase, ...] = ("preparing", "planned", "creating", "starting", "running", "locating", "fetching", "lent",
                           "deleting", "aborting", "retracting", "parked")  # fmt: skip

#: What is owed in each phase, for people.
OWED: dict[Phase, str] = {
    "preparing": "Send(before, n)", "planned": "Send(create)", "creating": "Send(create) with the same key, or Send(lookup)",
    "starting": "Send(start, n)", "running": "Send(poll)", "locating": "Send(locate); without a request: the poll again",
    "fetching": "Bring, or Relist if the links are dead by the clock", "lent": "nothing until the state comes back",
    "deleting": "Send(delete, n)", "aborting": "Send(abort, n)", "retracting": "Retract", "parked": "nothing; a person",
}  # fmt: skip


def _to(*phases: Phase) -> frozenset[Phase]:
    return frozenset(phases)


Cell = tuple[Phase | None, type[AnyEvent]]
TABLE: dict[Cell, frozenset[Phase]] = {
    (None, Planned): _to("preparing", "planned", "running", "fetching"),
    ("preparing", Passed): _to("preparing", "planned"),
    ("preparing", Created): _to("running"),  # adopted
    ("preparing", Retried): _to("preparing"),
    ("preparing", AttemptEnded): _to("skipped", "failed", "cancelled", "split"),
    ("planned", CreateSent): _to("creating"),
    ("planned", Retried): _to("planned"),  # not ready: no token
    ("planned", AttemptEnded): _to("failed", "cancelled"),
    ("creating", CreateSent): _to("creating"),  # the same key again
    ("creating", Created): _to("starting", "running"),
    ("creating", Retried): _to("creating", "planned"),  # in doubt · surely not made
    ("creating", AttemptEnded): _to("planned", "parked", "failed", "cancelled", "split"),
    ("starting", Passed): _to("starting", "running"),
    ("starting", Retried): _to("starting"),
    ("starting", AttemptEnded): _to("aborting", "planned", "failed", "cancelled"),
    ("running", StatusSeen): _to("running", "locating", "deleting", "skipped"),
    ("running", Retried): _to("running"),
    ("running", AttemptEnded): _to("aborting", "planned", "running", "failed", "timed_out", "cancelled", "split"),
    ("locating", StatusSeen): _to("locating", "deleting", "skipped"),
    ("locating", Located): _to("locating", "fetching", "deleting", "skipped", "done", "lent"),
    ("locating", Retried): _to("locating"),
    ("locating", Recalled): _to("locating"),
    ("locating", AttemptEnded): _to("retracting", "planned", "running", "failed", "timed_out", "cancelled"),
    ("fetching", PartStored): _to("fetching"),
    ("fetching", PartLost): _to("fetching"),
    ("fetching", PartDelivered): _to("fetching", "locating", "lent", "deleting", "done"),
    ("fetching", Retried): _to("fetching", "locating"),
    ("fetching", Recalled): _to("fetching"),
    ("fetching", AttemptEnded): _to("retracting", "planned", "running", "fetching", "failed", "cancelled"),
    ("lent", Recalled): _to("fetching", "deleting", "done"),
    ("deleting", Passed): _to("deleting", "done", "skipped"),
    ("deleting", Retried): _to("deleting"),
    ("aborting", Passed): _to("aborting", "planned", "failed", "timed_out", "cancelled", "split"),
    ("aborting", Retried): _to("aborting"),
    ("retracting", Passed): _to("planned", "running", "fetching", "failed", "timed_out", "cancelled"),
    ("parked", Created): _to("starting", "running"),  # a person found it
    ("parked", AttemptEnded): _to("planned", "failed", "cancelled"),  # a person says it was not made
}
TABLE.update({(phase, CancelAsked): _to(phase) for phase in LIVE})

# ahead: committed before its effect may happen · kept: committed before the next command · loose: may be lost, and is
# worth no more than the question asked again.
GRADE: dict[type[AnyEvent], Grade] = {
    Planned: "kept", Passed: "kept", CreateSent: "ahead", Created: "kept", StatusSeen: "kept", Located: "kept",
    PartStored: "ahead", PartLost: "kept", PartDelivered: "kept", Recalled: "kept", Retried: "loose", AttemptEnded: "kept",
    CancelAsked: "kept",
}  # fmt: skip


def grade(e: AnyEvent, phase: Phase, synchronous: bool) -> Grade:
    """Of `e` when it meets a job in `phase`. Pages of a synchronous slice are not stable: its parts are read again."""
    if isinstance(e, StatusSeen) and e.status == "running":
        return "loose"
    if isinstance(e, Retried) and e.to != phase:
        return "kept"
    if synchronous and e.to == "fetching" and isinstance(e, PartStored | PartDelivered):
        return "loose"
    return GRADE[type(e)]
