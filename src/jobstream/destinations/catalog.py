"""THE LIST of destinations: one line each, as text, so that nothing is imported before it is asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from jobstream.errors import UsageError
from jobstream.kinds import Destination
from jobstream.plan.notes import Json

if TYPE_CHECKING:
    from jobstream.destinations.airbyte import Speaks
    from jobstream.destinations.pipe import Pipe

_HERE = "jobstream.destinations."
FORMS: dict[str, str] = {
    "csv": _HERE + "csv:Csv",
    "jsonl": _HERE + "jsonl:Jsonl",
    "parquet": _HERE + "parquet:Parquet",
}
PIPES: dict[str, str] = {
    "airbyte": _HERE + "airbyte:Airbyte",
    "stdout": _HERE + "stdout:Stdout",
}
STANDARD_OUTPUT = "-"


def open_destination(format: str, to: str, *, options: Mapping[str, Json] = {}, schemas: Mapping[str, Json] = {},
                     pipe: Pipe | None = None, speaks: Speaks | None = None, now: Callable[[], float] | None = None,
                     ) -> Destination:  # fmt: skip
    """A destination that can be written to. Raises UsageError, KeepingError.

    to        a folder, or `-`: standard output, where `jsonl` is `stdout`
    schemas   the JSON Schema of a stream's records, by stream
    pipe      standard output, if others write to it too; speaks, now: for `airbyte`"""
    name = "stdout" if (format, to) == ("jsonl", STANDARD_OUTPUT) else format
    if name not in FORMS and name not in PIPES:
        near = difflib.get_close_matches(format, [*FORMS, *PIPES], 1)
        raise UsageError(f"no destination is called '{format}'", where="--format",
                         hint=f"did you mean '{near[0]}'?" if near else "known: " + ", ".join(sorted([*FORMS, *PIPES])))  # fmt: skip
    if (name in PIPES) != (to == STANDARD_OUTPUT):
        raise UsageError(f"{name} goes to {'standard output' if name in PIPES else 'a folder'}", where="--to",
                         hint="give `--to -`" if name in PIPES else "give a folder, or `--format jsonl`")  # fmt: skip
    if name in FORMS:
        return _files(_named(FORMS[name]), to, options, schemas)
    if options:
        raise UsageError(f"{name} has no options", where="--to")
    return _piped(name, pipe, speaks, now)


def _files(form: Any, to: str, options: Mapping[str, Json], schemas: Mapping[str, Json]) -> Destination:
    from jobstream.destinations.files import Files

    try:
        built = msgspec.convert(dict(options), form)
    except msgspec.ValidationError as e:
        known = ", ".join(f.encode_name for f in msgspec.structs.fields(form)) or "none"
        raise UsageError(f"an option of {form.__name__} is wrong: {e}", where="--to", hint=f"known: {known}") from e
    files = Files(to, built, schemas)
    files.ready()
    return files


def _piped(name: str, pipe: Pipe | None, speaks: Speaks | None, now: Callable[[], float] | None) -> Destination:
    from jobstream.destinations.pipe import Pipe

    out, cls = pipe or Pipe(), _named(PIPES[name])
    if name == "stdout":
        return cast(Destination, cls(out))
    if speaks is None or now is None:
        raise UsageError("the Airbyte protocol is spoken by `jobstream read`", where="--format")
    return cast(Destination, cls(out, speaks, now))


def _named(line: str) -> Any:
    module, _, cls = line.partition(":")
    return getattr(importlib.import_module(module), cls)
