"""Errors of the API, in one place: the envelope, the bare 401, and which status each fault of the store has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response

from jobstream.documents.store.resource import BadReferencesError, NoSecretError, NotThereError

JSON = "application/json"


class Problem(NamedTuple):
    """One entry of the envelope. code: text; an integer where it mirrors a status of the remote system · field: a place of the
    document · source: `application` (the remote system spoke) or `connector` (we refused)."""

    code: str | int
    message: str
    field: str | None = None
    source: str | None = None

    def shown(self) -> dict[str, Any]:
        return {k: v for k, v in self._asdict().items() if v is not None}


class Refusal(Exception):
    """Ends a request with a status and the envelope."""

    def __init__(self, status: int, *problems: Problem, headers: Mapping[str, str] = {}) -> None:
        super().__init__(problems[0].message)
        self.status, self.problems, self.headers = status, problems, headers

    def response(self) -> Response:
        body = {"errors": [p.shown() for p in self.problems]}
        return answer(body, self.status, self.headers)


def answer(body: Any, status: int = 200, headers: Mapping[str, str] = {}) -> Response:
    return Response(msgspec.json.encode(body), status, dict(headers), JSON)


def nothing(headers: Mapping[str, str] = {}) -> Response:
    """204 without a body."""
    return Response(status_code=204, headers=dict(headers))


def unauthorized(*, header: bool) -> Response:
    """401, which alone has no envelope. header: there was an Authorization header."""
    message = "Bearer Authentication Failed" if header else "Unauthorized"
    return answer({"message": message}, 401, {"WWW-Authenticate": "Bearer"})


def forbidden(what: str) -> Refusal:
    return Refusal(403, Problem("unauthorized", f"This token may not {what}."))


def bad_id(field: str = "_id") -> Refusal:
    return Refusal(400, Problem("invalid_ref", "An id has 24 hexadecimal characters.", field))


def bad_query(message: str) -> Refusal:
    return Refusal(400, Problem("invalid_query_params", message))


def no_route() -> Refusal:
    return Refusal(404, Problem("not_found", "There is no such route."))


def unavailable() -> Refusal:
    return Refusal(503, Problem("unavailable", "The database does not answer."), headers={"Retry-After": "5"})


def rate_limited(seconds: int) -> Refusal:
    """seconds: after which another request is let through."""
    message = f"Too many requests. Retry after {seconds} second{'s' if seconds != 1 else ''}."
    return Refusal(429, Problem("rate_limited", message), headers={"Retry-After": str(seconds)})


def not_found(model: str, *, binned: bool = False) -> Refusal:
    """model: as `AsyncHelper`."""
    more = " It was deleted and can be restored from the recycle bin." if binned else ""
    return Refusal(404, Problem("invalid_ref", f"{model} not found.{more}", "_id"))


def of_fault(fault: NotThereError | BadReferencesError | NoSecretError, models: Mapping[str, str]) -> Refusal:
    """models: kind -> the name in messages."""
    match fault:
        case NotThereError():
            return not_found(models[fault.kind], binned=fault.binned)
        case BadReferencesError():
            return Refusal(422, *(Problem("invalid_ref", f"{models[r.kind]} not found.", r.path) for r in fault.references))
        case NoSecretError():
            text = "Six stars stand for the secret that is kept, and none is kept here."
            return Refusal(422, *(Problem("invalid_field", text, path) for path in fault.paths))
