"""The application: routes, the door before them, errors in one place, and the purge that runs beside it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from jobstream import __version__
from jobstream.api.description import components
from jobstream.api.door import Door, Limits
from jobstream.api.kinds import MODELS
from jobstream.api.problem import Problem, Refusal, no_route, of_fault, unavailable
from jobstream.api.routes import routes_of
from jobstream.documents.store.resource import BadReferencesError, NoSecretError, NotThereError
from jobstream.documents.store.store import Store
from jobstream.errors import KeepingError

_LOG = logging.getLogger("jobstream.api")
_RARELY, _OFTEN = 3600.0, 0.2  # seconds between two looks for what is to be purged


class Waiting(Protocol):
    """A clock: epoch seconds."""

    def now(self) -> float: ...
    async def until(self, at: float, or_: asyncio.Event) -> None: ...


class Application(FastAPI):
    """FastAPI with our own components and our own responses."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            found = get_openapi(
                title=self.title, version=self.version, routes=self.routes, summary="Async helpers and their neighbours."
            )
            self.openapi_schema = {**found, "components": components(), "security": [{"bearerAuth": []}]}
        return self.openapi_schema


def application(store: Store, clock: Waiting, limits: Limits, hosts: frozenset[str]) -> FastAPI:
    """store: open · hosts: names that browsers may call this server by."""

    @contextlib.asynccontextmanager
    async def alive(_: FastAPI) -> AsyncIterator[None]:
        ended = asyncio.Event()
        purging = asyncio.create_task(purge(store, clock, ended))
        yield
        ended.set()
        await purging

    app = Application(title="jobstream", version=__version__, lifespan=alive, docs_url=None, redoc_url=None, redirect_slashes=False,
                  openapi_url="/openapi.json")  # fmt: skip
    for r in routes_of(store, clock.now):
        app.add_api_route(r.path, r.handler, methods=[r.method], response_model=None, response_class=Response, tags=[r.operation.tag],
                          summary=r.operation.summary, openapi_extra=r.operation.extra())  # fmt: skip
    app.add_middleware(Door, tokens=store.tokens, limits=limits, hosts=hosts, now=clock.now)
    for fault, handler in _HANDLERS.items():
        app.add_exception_handler(fault, handler)
    return app


async def purge(store: Store, clock: Waiting, ended: asyncio.Event) -> None:
    """Takes away for good what has been in the bin too long, as soon as it has, and tokens that ended as long ago."""
    while not ended.is_set():
        at = clock.now() + _RARELY
        try:
            await store.bin.purge_old()
            await store.tokens.purge_old(store.bin.seconds)
            at = min(at, await store.bin.next_purge())
        except KeepingError as e:  # the database is away: the next look may find it again
            _LOG.error("the recycle bin could not be purged: %s", e)
        await clock.until(max(at, clock.now() + _OFTEN), ended)


async def _refused(request: Request, fault: Exception) -> Response:
    match fault:
        case Refusal():
            return fault.response()
        case NotThereError() | BadReferencesError() | NoSecretError():
            return of_fault(fault, MODELS).response()
        case KeepingError():
            _LOG.error("%s", fault)
            return unavailable().response()
        case HTTPException(status_code=405):
            text = f"{request.method} is not allowed here."
            return Refusal(405, Problem("method_not_allowed", text), headers=fault.headers or {}).response()
        case HTTPException(status_code=404):
            return no_route().response()
    return Refusal(500, Problem("internal_error", "A fault of jobstream itself; its log tells more.")).response()


_HANDLERS: dict[type[Exception], Callable[[Request, Any], Any]] = {
    Refusal: _refused, NotThereError: _refused, BadReferencesError: _refused, NoSecretError: _refused,
    KeepingError: _refused, HTTPException: _refused, Exception: _refused,
}  # fmt: skip
