"""A stream's state in Airbyte's shapes, and back. What Airbyte cannot say (the ledger position, which windows are closed) stands
beside its own members under one key: a state that the CDK wrote is taken, and one of ours is taken by the CDK.

    without cursor   {"__ab_no_cursor_state_message": true}
    cursor           {"updated_at": "2024-01-02T00:00:00Z"}
    by partition     {"use_global_cursor": false, "states": [{"partition": {"id": "1"}, "cursor": {"updated_at": "..."}}]}
    ours, beside     "x-jobstream": {"position": 17, "closed": {"{}": <the cursor's own JSON>}}

Source: airbyte-cdk 7, concurrent and per-partition cursors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import msgspec

from jobstream.dialects.airbyte import protocol
from jobstream.dialects.airbyte.protocol import Message, Status
from jobstream.errors import DocumentError
from jobstream.plan.notes import Json

OURS = "x-jobstream"
WHOLE = "{}"  # the partition key of a stream that has none
ANY = "*"  # the state of each partition that has none of its own
_NO_CURSOR = "__ab_no_cursor_state_message"


class Tongue(Protocol):
    """A cursor that knows how Airbyte writes the state of one partition: `{"updated_at": "..."}`; nothing closed: {}.

    less: seconds before the value that are to be read again. Raises ValueError for what is no value of it."""

    def to_airbyte(self, state: Json) -> dict[str, Json]: ...
    def from_airbyte(self, said: dict[str, Json], less: float = 0.0) -> Json: ...


class Spoken(NamedTuple):
    """How the state of one stream is told. parents: its partitions are records of other streams."""

    cursor: Tongue | None = None
    partitioned: bool = False
    parents: bool = False


class Given(NamedTuple):
    """What a state that came back means. state: by partition key, as `engine.stream` keeps it · position: up to where in the
    ledger it covers; None: it is not ours, or says nothing of it."""

    state: dict[str, Json]
    position: int | None


def partition_key(partition: Mapping[str, Json]) -> str:
    return msgspec.json.encode(partition, order="deterministic").decode()


def to_state(spoken: Spoken, state: Json, position: int) -> dict[str, Json]:
    """The stream_state of a STATE message."""
    held: dict[str, Json] = dict(state or {})
    plain = _plain(spoken, held)
    read = _read(spoken, plain)
    closed = {key: value for key, value in held.items() if read.get(key) != value}
    return {**plain, OURS: {"position": position, **({"closed": closed} if closed else {})}}


def from_state(spoken: Spoken, said: Json, where: str = "state") -> Given:
    """A value that the user has changed by hand wins over what we had put beside it. Raises DocumentError."""
    if said is None:
        return Given({}, None)
    if not isinstance(said, dict):
        raise DocumentError("the state of a stream is an object", where=where)
    beside = said.get(OURS)
    ours: dict[str, Json] = beside if isinstance(beside, dict) else {}
    plain = {k: v for k, v in said.items() if k != OURS}
    try:
        state = _read(spoken, plain)
        closed = ours.get("closed")
        if isinstance(closed, dict) and _plain(spoken, {**state, **closed}) == plain:
            state = {**state, **closed}
    except (LookupError, TypeError, ValueError, AttributeError) as e:
        raise DocumentError(f"the state cannot be read: {e}", where=where, hint="reset the stream, or mend it") from e
    position = ours.get("position")
    return Given(state, position if isinstance(position, int) else None)


def _plain(spoken: Spoken, state: Mapping[str, Json]) -> dict[str, Json]:
    if spoken.cursor is None:
        return {_NO_CURSOR: True}
    if not spoken.partitioned:
        return spoken.cursor.to_airbyte(state[WHOLE]) if WHOLE in state else {}
    states = [
        {"partition": _partition(spoken, key), "cursor": spoken.cursor.to_airbyte(value)}
        for key, value in state.items() if key != ANY
    ]  # fmt: skip
    common = {"state": spoken.cursor.to_airbyte(state[ANY])} if ANY in state else {}
    return {"use_global_cursor": False, "states": states, **common}


def _read(spoken: Spoken, plain: dict[str, Json]) -> dict[str, Json]:
    cursor = spoken.cursor
    if cursor is None or not plain or _NO_CURSOR in plain:
        return {}
    if not spoken.partitioned:
        return {WHOLE: cursor.from_airbyte(plain)}
    if "states" not in plain and "state" not in plain:  # of a time when the stream had no partitions: true of each
        return {ANY: cursor.from_airbyte(plain)}
    found = {_key(spoken, s["partition"]): cursor.from_airbyte(s["cursor"]) for s in plain.get("states") or []}
    if plain.get("state"):
        found[ANY] = cursor.from_airbyte(plain["state"], float(plain.get("lookback_window") or 0))
    return found


def _partition(spoken: Spoken, key: str) -> Json:
    partition = msgspec.json.decode(key)
    return {**partition, "parent_slice": partition.get("parent_slice", {})} if spoken.parents else partition


def _key(spoken: Spoken, partition: Mapping[str, Json]) -> str:
    bare = {k: v for k, v in partition.items() if not (k == "parent_slice" and v == {} and spoken.parents)}
    return partition_key(bare)


# -- the state file


def read_states(raw: bytes, where: str = "state") -> dict[str, Json]:
    """Stream name -> its stream_state. Raises DocumentError with every fault.

    A list of STATE messages, or of what stands in them; the same one a line; one object by stream name (before protocol 0.2,
    refused by the CDK, taken here); empty. Of several states of one stream the last counts."""
    document = _document(raw, where)
    if isinstance(document, dict) and document.get("type") in ("STATE", "STREAM", "GLOBAL", "LEGACY"):
        document = [document]
    if isinstance(document, dict):
        return dict(document)
    if not isinstance(document, list):
        raise DocumentError("the state is neither a list of STATE messages nor an object by stream", where=where)
    found: dict[str, Json] = {}
    faults: list[str] = []
    for i, message in enumerate(document):
        try:
            found |= _states_of(message)
        except (KeyError, TypeError, AttributeError, ValueError) as e:
            faults.append(f"/{i}: not a STATE message: {e}")
    if faults:
        raise DocumentError("the state cannot be used", where=where, faults=tuple(faults))
    return found


def _document(raw: bytes, where: str) -> Json:
    if not raw.strip():
        return []
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as whole:
        try:
            return msgspec.json.Decoder().decode_lines(raw)
        except msgspec.DecodeError:
            raise DocumentError(f"the state is not JSON: {whole}", where=where) from None


def _states_of(message: Json) -> dict[str, Json]:
    if message.get("type") == "STATE":
        message = message["state"]
    if message.get("type") == "LEGACY" or ("type" not in message and "data" in message):
        return dict(message["data"])
    if message.get("type") == "GLOBAL":
        if message["global"].get("shared_state"):
            raise ValueError("a state shared by all streams belongs to another source")
        return dict(map(_stream, message["global"]["stream_states"]))
    return dict([_stream(message["stream"])])


def _stream(said: Json) -> tuple[str, Json]:
    return said["stream_descriptor"]["name"], said.get("stream_state")


class Speech:
    """The messages of a run, as a destination says them. streams: by name."""

    def __init__(self, streams: Mapping[str, Spoken] = {}) -> None:
        self._streams = streams

    def state(self, stream: str, state: Json, position: int, count: int) -> Message:
        return protocol.state(stream, to_state(self._streams.get(stream, Spoken()), state, position), count)

    def status(self, stream: str, status: Status, at_ms: int) -> Message:
        return protocol.stream_status(stream, status, at_ms)

    def log(self, level: int, text: str, stack: str | None) -> Message:
        return protocol.log(level, text, stack)

    def given(self, states: Mapping[str, Json]) -> dict[str, Given]:
        """Of each stream that we know; others are passed over. Raises DocumentError."""
        return {name: from_state(spoken, states.get(name), f"state of '{name}'") for name, spoken in self._streams.items()}
