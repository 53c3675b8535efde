"""The document of a request: JSON, an object, within bounds."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request

from jobstream.api.problem import Problem, Refusal

_DEEP = 64  # levels of nesting


async def value_of(request: Request) -> Any:
    """Raises Refusal: 400 without a body or with malformed JSON, 415 for another content type."""
    raw = await request.body()
    if not raw:
        raise _malformed("A request body is required.")
    media = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        raise Refusal(415, Problem("unsupported_media_type", f"The body must be application/json, not {media[:80]}."))
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as e:
        raise _malformed(f"The body is no JSON: {e}.") from e
    if _is_deep(value, _DEEP):
        raise _malformed(f"The body is nested deeper than {_DEEP} levels.")
    return value


async def object_of(request: Request) -> dict[str, Any]:
    """Raises Refusal, also for another kind of value."""
    value = await value_of(request)
    if not isinstance(value, dict):
        raise Refusal(422, Problem("invalid_field", "The body must be an object."))
    return value


async def array_of(request: Request) -> list[Any]:
    """Raises Refusal, also for another kind of value."""
    value = await value_of(request)
    if not isinstance(value, list):
        raise _malformed("The body must be an array of operations.")
    return value


def _malformed(message: str) -> Refusal:
    return Refusal(400, Problem("invalid_body", message))


def _is_deep(value: Any, left: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return left == 0 or any(_is_deep(v, left - 1) for v in inner)
