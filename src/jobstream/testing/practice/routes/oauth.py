"""`POST /oauth/token`: client credentials, and refresh tokens that rotate (RFC 6749, sections 4.4 and 6)."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote

from jobstream.testing.practice.reply import Asked, Reply, as_json
from jobstream.testing.practice.state import Practice


async def token(practice: Practice, asked: Asked) -> Reply:
    """The client by Basic or in the body, which is a form or JSON. Errors as RFC 6749, section 5.2."""
    if not _is_client(practice, asked):
        practice.counts.refused += 1
        return as_json({"error": "invalid_client"}, 401, {"WWW-Authenticate": 'Basic realm="practice"'})
    grant = asked.said("grant_type")
    answer: dict[str, object] = {"token_type": "Bearer", "expires_in": _life(practice)}
    match grant:
        case "client_credentials":
            pass
        case "refresh_token":
            shown = asked.said("refresh_token")
            practice.counts.refresh_reuse += practice.tokens.is_spent(shown)
            fresh = practice.tokens.refresh(shown)
            if fresh is None:
                return as_json({"error": "invalid_grant"}, 400)
            answer["refresh_token"] = fresh
        case _:
            return as_json({"error": "unsupported_grant_type"}, 400)
    practice.counts.tokens += 1
    return as_json({"access_token": practice.tokens.grant(practice.now()), **answer}, 200, {"Cache-Control": "no-store"})


def _life(practice: Practice) -> int | float:
    seconds = practice.config.token_seconds * practice.config.time_scale
    return int(seconds) if seconds.is_integer() else seconds


def _is_client(practice: Practice, asked: Asked) -> bool:
    scheme, _, given = asked.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            id, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        id, secret = unquote(id), unquote(secret)
    else:
        id, secret = asked.said("client_id"), asked.said("client_secret")
    return (id, secret) == (practice.config.client_id, practice.config.client_secret)
