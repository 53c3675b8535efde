"""The kinds of resources: what each is called, what its form is, and what is particular about it."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from jobstream.api.forms.connection import ConnectionRequest
from jobstream.api.forms.export import ExportRequest
from jobstream.api.forms.flow import FlowRequest, IntegrationRequest
from jobstream.api.forms.helper import AsyncHelperRequest
from jobstream.api.forms.import_ import ImportRequest
from jobstream.api.forms.marks import Object
from jobstream.api.problem import Problem

Check = Callable[[Object], Iterator[Problem]]


class Kind(NamedTuple):
    """name: in addresses · model: in messages and schemas · tag: in the reference.

    checks     what the form cannot say, for a document that has its form
    defaults   fields that an answer always has
    fixed      fields that cannot change once they are set
    patchable  places that PATCH may change, in JSON Pointer with * for any item
    listed     fields of a summary, beside _id and name
    lists      the list has pages and summaries; else it is whole, always
    dated      answers tell createdAt
    copies     has a clone route
    along      kinds whose resources are deleted with the one they name
    """

    name: str
    model: str
    tag: str
    form: type
    checks: Check = lambda document: iter(())
    defaults: Mapping[str, Any] = {}
    fixed: tuple[str, ...] = ()
    patchable: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    lists: bool = True
    dated: bool = True
    copies: bool = True
    along: tuple[str, ...] = ()


def _missing(field: str) -> Problem:
    return Problem("missing_required_field", f"{field} is required.", field)


def _connection(document: Object) -> Iterator[Problem]:
    auth = document["http"].get("auth", {})
    if auth.get("type") == "token" and not auth.get("token", {}).get("token"):
        yield _missing("http.auth.token.token")
    basic = auth.get("basic", {})
    if auth.get("type") == "basic" and not (basic.get("username") or basic.get("password")):
        yield _missing("http.auth.basic.username")


def _import(document: Object) -> Iterator[Problem]:
    http = document.get("http", {})
    methods, addresses = http.get("method"), http.get("relativeURI")
    if methods is not None and addresses is not None and len(methods) != len(addresses):
        text = f"http.relativeURI has {len(addresses)} entries and http.method {len(methods)}; there is one for each operation."
        yield Problem("invalid_field", text, "http.relativeURI")


_CRON = re.compile(r"[?*0-9A-Za-z,/#L-]+")


def _flow(document: Object) -> Iterator[Problem]:
    if "routers" in document and "pageProcessors" in document:
        yield Problem("invalid_field", '"pageProcessors" is not allowed when "routers" is present', "pageProcessors")
    for i, step in enumerate(document.get("pageProcessors", ())):
        field = f"_{step['type']}Id"
        if field not in step:
            yield _missing(f"pageProcessors[{i}].{field}")
    schedule = document.get("schedule")
    if schedule and (len(parts := schedule.split()) != 6 or not all(_CRON.fullmatch(p) for p in parts)):
        yield Problem("invalid_field", "schedule must have six fields, as `? 0 2 ? * *`.", "schedule")
    if (zone := document.get("timezone")) and not _is_zone(zone):
        yield Problem("invalid_field", "timezone must be a name of the time zone database, as Europe/Berlin.", "timezone")


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


_PING = ("relativeURI", "method", "body", "successPath", "successValues", "failPath", "failValues", "errorPath")
_FAILS = ("failStatusCode", "failPath", "failValues")

HELPER = Kind("asynchelpers", "AsyncHelper", "Async Helpers", AsyncHelperRequest, lists=False, dated=False, copies=False)
CONNECTION = Kind(
    "connections", "Connection", "Connections", ConnectionRequest, _connection, listed=("type",), fixed=("type",),
    patchable=("/name", "/debugDate", *(f"/http/ping/{f}" for f in _PING), *(f"/http/auth/{f}" for f in _FAILS)))  # fmt: skip
EXPORT = Kind("exports", "Export", "Exports", ExportRequest, defaults={"adaptorType": "HTTPExport"}, fixed=("adaptorType",),
              listed=("adaptorType",), patchable=("/name", "/debugDate", "/settings"))  # fmt: skip
IMPORT = Kind("imports", "Import", "Imports", ImportRequest, _import, defaults={"adaptorType": "HTTPImport"},
              fixed=("adaptorType",), listed=("adaptorType",), patchable=("/name", "/debugDate", "/settings"))  # fmt: skip
FLOW = Kind(
    "flows", "Flow", "Flows", FlowRequest, _flow, defaults={"disabled": False},
    patchable=("/name", "/description", "/schedule", "/timezone", "/disabled", "/runPageGeneratorsInParallel", "/aliases",
               "/pageGenerators/*/schedule", "/pageGenerators/*/skipRetries", "/routers/*/name", "/routers/*/branches/*/name",
               "/routers/*/branches/*/description"))  # fmt: skip
INTEGRATION = Kind("integrations", "Integration", "Integrations", IntegrationRequest, along=("flows",),
                   patchable=("/name", "/description", "/readme"))  # fmt: skip

KINDS: dict[str, Kind] = {k.name: k for k in (HELPER, CONNECTION, EXPORT, IMPORT, FLOW, INTEGRATION)}
MODELS: dict[str, str] = {k.name: k.model for k in KINDS.values()}
