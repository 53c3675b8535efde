"""The verbs of the Airbyte protocol: spec, check, discover, read. Messages on standard output, one JSON object a line."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, Literal, cast

from jobstream.cli.options import add_project, add_world, read_json, read_text
from jobstream.errors import DocumentError, UsageError

if TYPE_CHECKING:
    from jobstream.app import App
    from jobstream.dialects.airbyte.protocol import Verb
    from jobstream.dialects.compiled import Compiled

EPILOG = """\
as a source for an Airbyte platform, or by hand:
  jobstream spec --manifest-path manifest.yaml
  jobstream check --manifest-path manifest.yaml --config config.json
  jobstream discover --manifest-path manifest.yaml --config config.json > catalog.json
  jobstream read --manifest-path manifest.yaml --config config.json --catalog configured.json --state state.json

check creates a job of the first stream that the manifest's `check` names, asks for its status once, and aborts
it where the manifest says how. read keeps bytes and jobs in the project's .jobstream/ until the state that
covers them comes back with --state."""


def add(parser: argparse.ArgumentParser) -> None:
    verb = parser.get_default("command")
    parser.epilog = EPILOG
    parser.add_argument("--manifest-path", metavar="FILE", help="the manifest (default: manifest.yaml in the current folder)")
    parser.add_argument("--components-path", metavar="FILE", help="refused: Python code of a manifest is not run")
    parser.add_argument("--debug", action="store_true", help="log every exchange")
    if verb != "spec":
        parser.add_argument("--config", metavar="FILE", required=True, help="JSON object")
        add_world(parser)
        add_project(parser)
    if verb == "read":
        parser.add_argument("--catalog", metavar="FILE", required=True, help="the configured catalog")
        parser.add_argument("--state", metavar="FILE", help="STATE messages of an earlier read")


def run(args: argparse.Namespace) -> int:
    """Exit codes as Airbyte's own runner has them: a check that says no has worked, so it ends with 0."""
    from jobstream.dialects.airbyte import protocol

    stage: Literal["manifest", "config", "run"] = "manifest"
    try:
        if args.components_path:
            raise UsageError("Python code of a manifest is not run", where="--components-path",
                             hint="install it as a package with an entry point in the group jobstream.components")  # fmt: skip
        text = read_text(manifest_of(args))
        if args.command == "spec":
            from jobstream.dialects.airbyte.spec import spec_of

            said = spec_of(text, manifest_of(args))
            return _say(protocol.spec(said["connectionSpecification"], said.get("documentationUrl"), said.get("advanced_auth")))
        stage = "config"
        config = read_json(args.config, "config")
        app, compiled = _compiled(args, text, config)
        stage = "run"
        return _VERBS[args.command](app, compiled, compiled.config or config, args)
    except Exception as e:  # noqa: BLE001
        stage = "manifest" if getattr(e, "faults", ()) and stage == "config" and not str(e).startswith("config") else stage
        ended = protocol.failed(cast("Verb", args.command), e, _now_ms(), stage=stage, stack=_stack(e))
        for message in ended.messages:
            _say(message)
        return ended.exit_code


def manifest_of(args: argparse.Namespace) -> str:
    return str(args.manifest_path or "manifest.yaml")


def _compiled(args: argparse.Namespace, text: str, config: dict[str, Any]) -> tuple[App, Compiled]:
    from jobstream.app import App
    from jobstream.cli.documents import config_faults
    from jobstream.cli.options import project_of

    app = App(project_of(args))
    compiled = app.load(manifest_of(args), text, config)
    if compiled.faults:
        raise DocumentError("the manifest has mistakes", where=manifest_of(args), faults=tuple(map(str, compiled.faults)))
    if faults := config_faults(compiled.spec.get("connectionSpecification") or {}, config):
        raise DocumentError("config does not fit the specification", faults=tuple(faults))
    return app, compiled


def _check(app: App, compiled: Compiled, config: dict[str, Any], args: argparse.Namespace) -> int:
    from jobstream.cli.check import check
    from jobstream.dialects.airbyte import protocol

    failed = asyncio.run(check(app, compiled.plan, config, _origins(app, args)))
    return _say(protocol.connection_status(failed))


def _discover(app: App, compiled: Compiled, config: dict[str, Any], args: argparse.Namespace) -> int:
    from jobstream.dialects.airbyte import protocol

    return _say(protocol.catalog(
        protocol.Offered(name=s.name, schema=s.schema or ANY, cursor=(str(s.cursor.options["field"]),) if s.cursor else (), key=s.key)
        for s in compiled.plan.streams if not s.hidden))  # fmt: skip


def _read(app: App, compiled: Compiled, config: dict[str, Any], args: argparse.Namespace) -> int:
    from jobstream.cli.read import read
    from jobstream.dialects.airbyte.protocol import read_catalog
    from jobstream.dialects.airbyte.states import read_states

    logging.getLogger("jobstream").setLevel(logging.DEBUG if args.debug else logging.INFO)
    catalog = read_catalog(read_text(args.catalog).encode(), args.catalog)
    states = read_states(read_text(args.state).encode(), args.state) if args.state else {}
    return asyncio.run(read(app, compiled, config, catalog, states, _origins(app, args)))


def _origins(app: App, args: argparse.Namespace) -> dict[str, str]:
    from jobstream.cli.options import origins_of

    return origins_of(app.project.settings, args.map_origin)


def _say(message: dict[str, Any]) -> int:
    from jobstream.dialects.airbyte.protocol import line

    sys.stdout.buffer.write(line(message))
    sys.stdout.buffer.flush()
    return 0


def _now_ms() -> int:
    from jobstream.clock import SystemClock

    return int(SystemClock().now() * 1000)


def _stack(e: Exception) -> str | None:
    return "".join(traceback.format_exception(e)) if os.environ.get("JOBSTREAM_TRACEBACK") else None


ANY = {"$schema": "http://json-schema.org/schema#", "type": "object", "properties": {}, "additionalProperties": True}
_VERBS = {"check": _check, "discover": _discover, "read": _read}
