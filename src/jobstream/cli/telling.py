"""One event of a job in words, for progress lines and timelines. Numbers and durations as people read them."""

from __future__ import annotations

from jobstream.cli.remedies import STEPS, remedy_of
from jobstream.jobs.event import (
    AnyEvent,
    AttemptEnded,
    CancelAsked,
    Created,
    CreateSent,
    Fault,
    Located,
    PartDelivered,
    PartLost,
    PartStored,
    Passed,
    Planned,
    Recalled,
    Retried,
    Slice,
    StatusSeen,
)  # fmt: skip


def bytes_text(n: float) -> str:
    """1536 -> '1.5 KB'."""
    for unit in ("B", "KB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "B" or n >= 100 else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"


def seconds_text(s: float) -> str:
    """75 -> '1m15s'."""
    if s < 10:
        return f"{s:.1f}s"
    if s < 60:
        return f"{s:.0f}s"
    minutes, seconds = divmod(int(s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{seconds:02d}s"


def slice_text(piece: Slice) -> str:
    """`account=7 2026-01-01..2026-01-31`; empty for the one slice of an unsliced stream."""
    parts = [f"{k}={v}" for k, v in piece.partition.items() if not isinstance(v, dict | list)]
    if piece.window is not None:
        parts.append("..".join(piece.window))
    return " ".join(parts)


def fault_text(fault: Fault | None) -> str:
    """`poll: the API told status 'Queued', which the status mapping does not have (status.unknown)`."""
    return "" if fault is None else f"{remedy_of(fault).says} ({fault.code})"


def tell(e: AnyEvent) -> str:
    """What happened, in a few words."""
    match e:
        case Planned():
            where = slice_text(e.slice)
            return "planned" + (f": {where}" if where else "")
        case Passed():
            return (
                f"{STEPS.get(e.step, e.step)} done"
                if e.fault is None
                else f"{STEPS.get(e.step, e.step)} failed: {fault_text(e.fault)}"
            )
        case CreateSent():
            return "creation sent" if e.attempt == 1 else f"creation sent, attempt {e.attempt}"
        case Created():
            return ("created" if e.made else "adopted a job that exists") + (
                f": API id {e.api_id}" if e.api_id is not None else ""
            )
        case StatusSeen():
            said = f"{e.text!r} means {e.status}" if e.text and e.text != e.status else e.status
            return f"poll {e.polls}: {said}" + (f" {e.progress}" if e.progress else "")
        case Located():
            return f"{len(e.targets)} to download"
        case PartStored():
            return f"target {e.target + 1} part {e.stored.part + 1}: {bytes_text(sum(e.stored.lengths))} stored"
        case PartLost():
            return f"target {e.target + 1}: bytes are gone from the spool, downloaded again"
        case PartDelivered():
            return f"target {e.target + 1} part {e.part + 1}: {e.counts.kept:,} records delivered" + _lost_rows(e)
        case Recalled():
            return "delivered again from where the state that came back ends" if e.first else "what was lent is kept"
        case Retried():
            return _retried(e)
        case AttemptEnded():
            return _ended(e)
        case CancelAsked():
            return "cancel asked" + (f" by {e.by}" if e.by else "")


def _lost_rows(e: PartDelivered) -> str:
    c = e.counts
    return (f", {c.filtered:,} filtered" if c.filtered else "") + (f", {c.bad:,} unreadable" if c.bad else "")


def _retried(e: Retried) -> str:
    step = STEPS.get(e.step, e.step)
    if e.verdict == "relist":
        return f"links are stale: {fault_text(e.fault)}"
    if e.verdict == "accept":
        return f"{step}: there is none"
    again = f", again in {seconds_text(max(0.0, e.wake_at - e.at))}" if e.wake_at > e.at else ", again"
    return f"{fault_text(e.fault) or f'{step} not done'}{again}"


def _ended(e: AttemptEnded) -> str:
    why = fault_text(e.fault)
    if e.then == e.outcome or e.then in ("cancelled", "parked"):
        return e.then.replace("_", " ") + (f": {why}" if why else "")
    return f"{e.outcome.replace('_', ' ')}: {why}; a new attempt"
