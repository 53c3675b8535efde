"""A person's document and config, read, checked against each other, and every mistake shown at once."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jobstream.cli.options import read_json, read_text
from jobstream.errors import DocumentError, UsageError

if TYPE_CHECKING:
    from jobstream.app import App
    from jobstream.dialects.compiled import Compiled

PREFIX = "JOBSTREAM_CONFIG_"


def add_document(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "document", metavar="DOCUMENT", help="an Airbyte manifest (YAML or JSON), or a JSON file of Celigo resources"
    )
    add_config(parser)


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="JSON object with the values that the document's spec asks for")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[],
                        help=f"one value of the config; repeatable. {PREFIX}API_KEY=... in the environment sets api_key")  # fmt: skip


def config_of(args: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """File, then environment, then --set: the later wins. Raises DocumentError, UsageError."""
    config = read_json(args.config, "config")
    config.update({k.removeprefix(PREFIX).lower(): v for k, v in environ.items() if k.startswith(PREFIX)})
    for pair in args.set:
        name, eq, value = pair.partition("=")
        if not eq or not name:
            raise UsageError(f"--set takes NAME=VALUE, not {pair!r}")
        config[name] = value
    return config


def compiled_of(app: App, path: str, config: dict[str, Any] | None) -> Compiled:
    """Compiled without a mistake, and the config fits its spec. Raises DocumentError with all mistakes."""
    compiled = app.load(path, read_text(path), config)
    wanted = compiled.spec.get("connectionSpecification") or {}
    faults = [*map(str, compiled.faults), *(config_faults(wanted, config) if config is not None else ())]
    for warning in compiled.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if faults:
        raise DocumentError(f"{len(faults)} mistake{'s' if len(faults) > 1 else ''}:\n  " + "\n  ".join(faults), where=path)
    return compiled


def config_faults(spec: Mapping[str, Any], config: dict[str, Any]) -> list[str]:
    """What of the config does not fit the connection specification; values are not repeated, for they may be secrets."""
    if not spec:
        return []
    import jsonschema_rs

    try:
        validator = jsonschema_rs.validator_for(dict(spec))
    except (ValueError, jsonschema_rs.ValidationError):
        return []  # a specification that is no schema is the document's matter, and told there
    return [_said(e) for e in validator.iter_errors(config)]


def _said(e: Any) -> str:
    where = "/".join(str(p) for p in e.instance_path) or "(top)"
    keyword = str(e.schema_path[-1]) if e.schema_path else ""
    if keyword == "required":
        return f"config: {e.message}"
    return f"config {where}: does not fit the specification's {keyword}"


def run_config(compiled: Compiled, config: dict[str, Any]) -> dict[str, Any]:
    """What the plan is run with: the person's config, with what the document itself brought laid under it."""
    return compiled.config or config
