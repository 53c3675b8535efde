"""What the language lacks, under `x-jobstream`: one struct for each place, whose fields are all that may stand there."""

from __future__ import annotations

import typing
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from jobstream.components.options import check
from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.places import EXTENSION, Cell, Node
from jobstream.plan.notes import Json, Seconds

_Key = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
_Some = Annotated[int, Meta(ge=1)]


class Extra(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Strict: an unknown key is told."""


class Cadence(Extra, frozen=True):
    """When the status is asked for. Seconds; the API's Retry-After goes before all of it."""

    first_wait: Annotated[Seconds, Meta(description="Before the first poll.")] = 0.0
    interval: Annotated[Seconds, Meta(description="Between polls, at first.")] = 5.0
    growth: Annotated[float, Meta(ge=1, description="Each interval is the last one times this.")] = 1.0
    cap: Annotated[Seconds, Meta(description="No interval is longer.")] = 3600.0
    jitter: Annotated[float, Meta(ge=0, le=1, description="Up to this part is added, so that jobs do not poll in step.")] = 0.0


class Match(Extra, frozen=True):
    """How our job is known among those listed: the text at `path` equals what `value` renders to."""

    path: Annotated[tuple[str, ...], Meta(min_length=1, description="Keys inside one listed job.")]
    value: Annotated[
        str, Meta(min_length=1, description="A template, such as {{ job.key }}; it sees what the creation request sees.")
    ]


class Lookup(Extra, frozen=True):
    """Asked where a create was sent and not answered: was the job made?"""

    requester: Annotated[dict[str, Json], Meta(description="An HttpRequester.")]
    match: Match
    field_path: Annotated[
        tuple[str, ...], Meta(description="Where the list of jobs lies in the answer; empty: the answer.")
    ] = ()
    id_path: Annotated[tuple[str, ...], Meta(min_length=1, description="Keys of the job's id inside one listed job.")] = ("id",)
    into: Annotated[str, Meta(description="What creation_response calls the id; empty: the last key of id_path.")] = ""


class Expected(Extra, frozen=True):
    """What the API promises of the result; it is checked."""

    records: Annotated[str, Meta(description="A template that gives the number of records of one download.")] = ""
    length: Annotated[str, Meta(description="A template that gives the number of bytes of one download.")] = ""
    digest: Annotated[str, Meta(description="A template that gives its digest, hexadecimal or base64.")] = ""
    media: Annotated[tuple[str, ...], Meta(description="Content types that are data; anything else is an error.")] = ()
    looks: Annotated[
        Literal["auto", "any", "csv", "json", "jsonl", "xml"], Meta(description="What the first bytes must not contradict.")
    ] = "auto"


class OfRequester(Extra, frozen=True):
    """On any requester."""

    timeout: Annotated[float, Meta(gt=0, description="Until the answer begins.")] = 60.0


class OfCreation(Extra, frozen=True):
    """On the creation requester."""

    timeout: Annotated[float, Meta(gt=0, description="Until the answer begins.")] = 60.0
    idempotency_key: Annotated[_Key | None, Meta(description="Header in which each attempt sends a key of its own.")] = None
    lookup: Annotated[Lookup | None, Meta(description="Asked instead of creating twice.")] = None
    doubt: Annotated[
        Literal["again", "park"], Meta(description="Without key and lookup: a new job, told; or a person decides.")
    ] = "again"


class OfPolling(Extra, frozen=True):
    """On the polling requester."""

    timeout: Annotated[float, Meta(gt=0, description="Until the answer begins.")] = 60.0
    poll: Annotated[Cadence | None, Meta(description="When the status is asked for.")] = None


class OfRetriever(Extra, frozen=True):
    """On the AsyncRetriever."""

    poll: Annotated[Cadence | None, Meta(description="When the status is asked for.")] = None
    attempts: Annotated[_Some, Meta(description="Remote jobs for one slice.")] = 3
    doubt: Annotated[Literal["again", "park"] | None, Meta(description="As on the creation requester.")] = None
    settle: Annotated[
        Seconds | None, Meta(description="No lookup is asked sooner after a create; at least twice its timeout is safe.")
    ] = None
    progress: Annotated[str, Meta(description="A template over `response` that changes while a job moves on.")] = ""
    stall: Annotated[Seconds | None, Meta(description="A job whose progress has not changed for so long has timed out.")] = None
    parallel: Annotated[_Some, Meta(description="Downloads of one job at a time.")] = 2
    part_bytes: Annotated[int, Meta(ge=1, description="Pages are stored and delivered together up to this size.")] = 8 << 20
    deliver: Annotated[Literal["parts", "whole"], Meta(description="whole: nothing before all of it has come.")] = "parts"
    lives: Annotated[Seconds | None, Meta(description="How long a download link lives; older ones are asked for again.")] = None
    target_key: Annotated[tuple[str, ...], Meta(description="Keys inside a target of what stays when links are renewed.")] = ()
    items: Annotated[
        Literal["whole", "streamed"],
        Meta(description="streamed: records of a long JSON object or XML file are taken one by one at the extractor's path."),
    ] = "whole"
    expect: Annotated[Expected | None, Meta(description="What the API promises of the result.")] = None


class OfSimple(Extra, frozen=True):
    """On a SimpleRetriever."""

    attempts: Annotated[_Some, Meta(description="Readings of one slice from its beginning.")] = 3
    part_bytes: Annotated[int, Meta(ge=1, description="Pages are stored and delivered together up to this size.")] = 8 << 20
    deliver: Annotated[Literal["parts", "whole"], Meta(description="whole: nothing before all of it has come.")] = "parts"


E = TypeVar("E", bound=Extra)
PLACES: tuple[type[Extra], ...] = (OfRetriever, OfCreation, OfPolling, OfRequester, OfSimple)
INSIDE: tuple[type[Extra], ...] = (Cadence, Lookup, Match, Expected)


def extra(c: Context, node: Node, cls: type[E]) -> tuple[E | None, str]:
    """What stands under x-jobstream of a node, and where; every mistake in it is told."""
    cell = node.fields.get(EXTENSION)
    if cell is None or cell.raw is None:
        return None, node.at
    got = _checked(c, cls, cell)
    return got if isinstance(got, cls) else None, cell.at


def _checked(c: Context, cls: type[Extra], cell: Cell) -> Extra | None:
    """Structs inside are checked by themselves, so that an unknown key in one has its own place and nearest name."""
    if not isinstance(cell.raw, dict):
        c.wrong(cell, "a mapping is expected")
        return None
    members = {k: c.manifest.follow(m) for k, m in c.manifest.members(cell).items()}
    inner = {k: sub for k, hint in typing.get_type_hints(cls).items() if k in members and (sub := _struct(hint)) is not None}
    made = {k: _checked(c, sub, members[k]) for k, sub in inner.items()}
    flat = {k: c.manifest.plain(m) for k, m in members.items()}
    _, faults = check(cls, flat, cell.at)
    for f in faults:
        name = f.at.removeprefix(f"{cell.at}/").partition("/")[0]
        if name not in inner:
            c.faults.tell(f.code, f.at, f.saw if f.code != "missing_field" else "", f.hint or "it is needed here")
    if any(v is None for v in made.values()) or any(
        f.at.removeprefix(f"{cell.at}/").partition("/")[0] not in inner for f in faults
    ):
        return None
    fields = {k: v for k, v in flat.items() if k not in inner}
    plain: Any = msgspec.convert({**fields, **{k: msgspec.to_builtins(v) for k, v in made.items()}}, cls)
    return plain if isinstance(plain, Extra) else None


def _struct(hint: object) -> type[Extra] | None:
    shapes = [hint, *typing.get_args(hint)]
    return next((s for s in shapes if isinstance(s, type) and issubclass(s, Extra)), None)
