"""The Airbyte protocol: what is said on standard output, one JSON object a line, and what is read from the files that the
platform hands over. Null members are left out. Pure: times are handed in, as milliseconds since 1970.

Source: airbyte-cdk 7, protocol version 0.2; `docs/compat/airbyte.md` tells what differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from jobstream.errors import DataError, Defect, DocumentError, HeldError, JobstreamError, KeepingError, RemoteError, UsageError
from jobstream.plan.notes import Json

Message: TypeAlias = dict[str, Json]
Verb: TypeAlias = Literal["spec", "check", "discover", "read"]
Status: TypeAlias = Literal["STARTED", "RUNNING", "COMPLETE", "INCOMPLETE"]
FailureType: TypeAlias = Literal["config_error", "transient_error", "system_error"]
Level: TypeAlias = Literal["FATAL", "ERROR", "WARN", "INFO", "DEBUG"]

#: What the user can do about an error of ours, in the platform's words.
_FAILURES: Mapping[type[JobstreamError], FailureType] = {
    DocumentError: "config_error", UsageError: "config_error", RemoteError: "transient_error", HeldError: "transient_error",
    DataError: "system_error", KeepingError: "system_error", Defect: "system_error",
}  # fmt: skip


def line(message: Message) -> bytes:
    return msgspec.json.encode(message) + b"\n"


# -- messages


def spec(connection: Json, documentation_url: str | None = None, advanced_auth: Json = None) -> Message:
    """connection: the JSON Schema of the config."""
    said = _said(documentationUrl=documentation_url, connectionSpecification=connection, advanced_auth=advanced_auth)
    return {"type": "SPEC", "spec": said}


def connection_status(failed: str | None = None) -> Message:
    """failed: why; None: it can be used."""
    said = _said(status="SUCCEEDED" if failed is None else "FAILED", message=failed)
    return {"type": "CONNECTION_STATUS", "connectionStatus": said}


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of the catalog. cursor: the field's path, empty: full refresh only · key: one path for each column of it."""

    name: str
    schema: Json
    cursor: tuple[str, ...] = ()
    key: tuple[tuple[str, ...], ...] = ()


def catalog(streams: Iterable[Offered]) -> Message:
    return {"type": "CATALOG", "catalog": {"streams": [_offered(s) for s in streams]}}


def _offered(s: Offered) -> Message:
    return _said(
        name=s.name,
        json_schema=s.schema,
        supported_sync_modes=["full_refresh", "incremental"] if s.cursor else ["full_refresh"],
        source_defined_cursor=True if s.cursor else None,
        default_cursor_field=list(s.cursor) or None,
        source_defined_primary_key=[list(path) for path in s.key] or None,
        is_resumable=bool(s.cursor),
        is_file_based=False,
    )


def record(stream: str, data: Json, at_ms: int) -> Message:
    """One record; `records/lines.py` writes whole batches in this form."""
    kept = {k: v for k, v in data.items() if v is not None}
    return {"type": "RECORD", "record": {"stream": stream, "emitted_at": at_ms, "data": kept}}


def state(stream: str, stream_state: Json, count: int) -> Message:
    """count: records of the stream since its previous STATE."""
    said = {"type": "STREAM", "stream": {"stream_descriptor": {"name": stream}, "stream_state": stream_state},
            "sourceStats": {"recordCount": float(count)}}  # fmt: skip
    return {"type": "STATE", "state": said}


def log(level: int, text: str, stack: str | None = None) -> Message:
    """level: as Python's logging counts."""
    return {"type": "LOG", "log": _said(level=log_level(level), message=text, stack_trace=stack)}


def log_level(level: int) -> Level:
    return "FATAL" if level >= 50 else "ERROR" if level >= 40 else "WARN" if level >= 30 else "INFO" if level >= 20 else "DEBUG"


def stream_status(stream: str, status: Status, at_ms: int, *, limited: bool = False) -> Message:
    """limited: it waits because the API allows no more requests for now."""
    reasons = [{"type": "RATE_LIMITED"}] if limited else None
    said = _said(stream_descriptor={"name": stream}, status=status, reasons=reasons)
    return {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": float(at_ms), "stream_status": said}}


def error(text: str, at_ms: int, *, kind: FailureType = "system_error", internal: str | None = None, stack: str | None = None,
          stream: str | None = None) -> Message:  # fmt: skip
    """text: for the user · internal: for whoever mends it."""
    said = _said(message=text, internal_message=internal, stack_trace=stack, failure_type=kind,
                 stream_descriptor={"name": stream} if stream is not None else None)  # fmt: skip
    return {"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": float(at_ms), "error": said}}


def estimate(stream: str, at_ms: int, *, rows: int | None = None, size: int | None = None) -> Message:
    """size: bytes."""
    said = _said(name=stream, type="STREAM", row_estimate=rows, byte_estimate=size)
    return {"type": "TRACE", "trace": {"type": "ESTIMATE", "emitted_at": float(at_ms), "estimate": said}}


def control(config: Json, at_ms: int) -> Message:
    """The config has changed (a refresh token that may be used once): the platform keeps this one from now on."""
    said = {"type": "CONNECTOR_CONFIG", "emitted_at": float(at_ms), "connectorConfig": {"config": config}}
    return {"type": "CONTROL", "control": said}


def _said(**members: Json) -> Message:
    return {k: v for k, v in members.items() if v is not None}


# -- how a verb ends


class Ending(msgspec.Struct, frozen=True):
    """The last lines of a verb, and the exit code of the process."""

    messages: tuple[Message, ...]
    exit_code: int


def failure_type(fault: BaseException) -> FailureType:
    for cls, kind in _FAILURES.items():
        if isinstance(fault, cls):
            return kind
    return "system_error"


def failed(verb: Verb, fault: Exception, at_ms: int, *, stage: Literal["manifest", "config", "run"] = "run",
           stack: str | None = None) -> Ending:  # fmt: skip
    """A verb that could not do its work. stage: what was in hand when it failed.

    A wrong command line never comes here: it ends with 2 and without a message, as argparse does. Source: airbyte-cdk, section
    `5.2` of our notes: a check that says no has worked, so it ends with 0; a manifest that cannot be read fails every verb."""
    text, kind = _words(fault), failure_type(fault)
    trace = error(text, at_ms, kind=kind, internal=f"{type(fault).__name__}: {fault}", stack=stack)
    if stage != "manifest" and verb == "check":
        no = connection_status(text)
        if stage == "config":
            return Ending((no,), 0)
        if isinstance(fault, DocumentError | RemoteError):
            return Ending((trace, no) if kind == "config_error" else (no,), 0)
        return Ending((trace,), 1)
    if stage == "manifest":
        return Ending((trace,), 1)
    return Ending((log(50, text, stack), trace), 1)


def read_ended(failures: Mapping[str, Exception], at_ms: int) -> Ending:
    """failures: by stream. Each has been told when it happened (`error`, INCOMPLETE); this is the last word."""
    if not failures:
        return Ending((), 0)
    names = ", ".join(sorted(failures))
    text = f"not every stream was read to its end: {names}"
    return Ending((error(text, at_ms, kind="config_error", internal="; ".join(f"{n}: {e}" for n, e in failures.items())),), 1)


def _words(fault: Exception) -> str:
    faults = getattr(fault, "faults", ())
    return "\n".join((str(fault), *faults)) if faults else str(fault) or type(fault).__name__


# -- the configured catalog


class Configured(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that the user has chosen. cursor_field: the user's own, where the manifest lets him choose it."""

    name: str
    namespace: str | None = None
    sync_mode: Literal["full_refresh", "incremental"] = "full_refresh"
    cursor_field: tuple[str, ...] = ()
    primary_key: tuple[tuple[str, ...], ...] = ()
    json_schema: Json = None
    destination_sync_mode: str = "append"


class ConfiguredCatalog(msgspec.Struct, frozen=True):
    streams: tuple[Configured, ...]

    def stream(self, name: str) -> Configured | None:
        return next((s for s in self.streams if s.name == name), None)


def read_catalog(raw: bytes, where: str = "catalog") -> ConfiguredCatalog:
    """Raises DocumentError with every fault. Members that we do not know are passed over: the platform adds some with time."""
    faults = _Faults(where)
    streams: list[Configured] = []
    for at, entry in faults.items(faults.member(faults.document(raw), "", "streams", list), "/streams"):
        stream = faults.member(entry, at, "stream", dict)
        name = faults.member(stream, f"{at}/stream", "name", str)
        mode = faults.member(entry, at, "sync_mode", str, "full_refresh")
        if mode not in ("full_refresh", "incremental", None):
            faults.add(f"{at}/sync_mode", f"'{mode}' is neither full_refresh nor incremental")
        if name in {s.name for s in streams}:
            faults.add(f"{at}/stream/name", f"'{name}' is chosen twice")
        fields = faults.member(entry, at, "cursor_field", list, [])
        key = faults.member(entry, at, "primary_key", list, [])
        if not all(isinstance(f, str) for f in fields or []):
            faults.add(f"{at}/cursor_field", "not a list of names")
        if not all(isinstance(path, list) and all(isinstance(f, str) for f in path) for path in key or []):
            faults.add(f"{at}/primary_key", "not a list of paths")
        elif not faults.found:
            streams.append(Configured(
                name=name, namespace=stream.get("namespace"), sync_mode=mode, cursor_field=tuple(fields),
                primary_key=tuple(map(tuple, key)), json_schema=stream.get("json_schema"),
                destination_sync_mode=entry.get("destination_sync_mode") or "append"))  # fmt: skip
    faults.tell("the configured catalog cannot be used")
    return ConfiguredCatalog(tuple(streams))


class _Faults:
    """Every mistake of a document that came from elsewhere, each with a pointer into it."""

    def __init__(self, where: str) -> None:
        self._where = where
        self.found: list[str] = []

    def add(self, at: str, text: str) -> None:
        self.found.append(f"{at or '/'}: {text}")

    def tell(self, message: str) -> None:
        if self.found:
            raise DocumentError(message, where=self._where, faults=tuple(self.found))

    def document(self, raw: bytes) -> Json:
        try:
            return msgspec.json.decode(raw)
        except msgspec.DecodeError as e:
            self.add("", f"not JSON: {e}")
            return None

    def member(self, of: Json, at: str, name: str, kind: type, default: Json = ...) -> Json:
        """The member, or its default; a fault where it is missing or of another kind. None after a fault."""
        if not isinstance(of, dict):
            if not self.found:
                self.add(at, "not an object")
            return None
        got = of.get(name)
        if got is None:
            if default is not ...:
                return default
            self.add(f"{at}/{name}", "missing")
        elif not isinstance(got, kind):
            self.add(f"{at}/{name}", f"{_NOUNS[kind]} is expected")
        else:
            return got
        return None

    def items(self, of: Sequence[Json] | None, at: str) -> Iterable[tuple[str, Json]]:
        return ((f"{at}/{i}", entry) for i, entry in enumerate(of or ()))


_NOUNS: Mapping[type, str] = {list: "a list", dict: "an object", str: "text"}
