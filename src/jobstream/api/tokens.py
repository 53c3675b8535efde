"""Access tokens as resources, and what a token may know of itself. Only an owner's token sees or changes tokens."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from jobstream.api.body import object_of
from jobstream.api.caller import Caller, caller_of
from jobstream.api.draft import checked, references_in
from jobstream.api.forms.marks import Object
from jobstream.api.forms.token import AccessTokenRequest
from jobstream.api.problem import Problem, Refusal, answer, not_found, nothing
from jobstream.api.shapes import id_of, iso
from jobstream.documents.store.resource import STARS, BadReferencesError, Reference
from jobstream.documents.store.store import DAY, Store
from jobstream.documents.store.tokens import SCOPES, Token, Wanted

_KINDS = {"_connectionIds": "connections", "_exportIds": "exports", "_importIds": "imports"}
_LONGEST = 30 * DAY
MODEL = "AccessToken"


class AccessTokens:
    """`/v1/accesstokens` and `/v1/tokenInfo`. now: epoch seconds."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store, self._now = store, now

    async def info(self, request: Request) -> Response:
        token = caller_of(request).token
        account = hashlib.sha256(token.account.encode()).hexdigest()[:24]
        return answer({"_userId": account, "scope": "*" if token.is_full else " ".join(token.scopes)})

    async def all(self, request: Request) -> Response:
        found = await self._store.tokens.all(_owner(request).account)
        return answer([shown(t) for t in found]) if found else nothing()

    async def create(self, request: Request) -> Response:
        """The answer has the token's text, this once."""
        caller = _owner(request)
        wanted = await self._wanted(caller, await object_of(request))
        token, text = await self._store.tokens.create(caller.account, wanted)
        return answer(shown(token, text), 201)

    async def get(self, request: Request) -> Response:
        return answer(shown(await self._one(request)))

    async def replace(self, request: Request) -> Response:
        caller, token = _owner(request), await self._one(request)
        wanted = await self._wanted(caller, await object_of(request))
        replaced = await self._store.tokens.replace(caller.account, token.id, wanted)
        if replaced is None:
            raise not_found(MODEL)
        return answer(shown(replaced))

    async def delete(self, request: Request) -> Response:
        """For good; a token that is not revoked is not deleted."""
        token = await self._one(request)
        if token.revoked is None:
            raise Refusal(422, Problem("invalid_field", "A token is revoked before it is deleted.", "revoked"))
        await self._store.tokens.delete(token.account, token.id)
        return nothing()

    async def _one(self, request: Request) -> Token:
        caller = _owner(request)
        token = await self._store.tokens.get(caller.account, id_of(request))
        if token is None:
            raise not_found(MODEL)
        return token

    async def _wanted(self, caller: Caller, value: Object) -> Wanted:
        document = checked(AccessTokenRequest, value)
        references = references_in(AccessTokenRequest, document)
        only = {kind: tuple(document[field]) for field, kind in _KINDS.items() if document.get(field)}
        full = document.get("fullAccess", False)
        if full == bool(only):
            text = f"Either fullAccess, or at least one of {', '.join(_KINDS)}."
            raise Refusal(422, Problem("invalid_field", text, "fullAccess"))
        await self._check(caller, references)
        return Wanted(document["name"], SCOPES if full else ("read", "run"), document.get("description"), only or None,
                      self._ends(document), document.get("revoked", False))  # fmt: skip

    async def _check(self, caller: Caller, references: list[Reference]) -> None:
        there = await self._store.resources.are_there(caller.account, [(r.kind, r.id) for r in references])
        if missing := tuple(r for r in references if (r.kind, r.id) not in there):
            raise BadReferencesError(missing)

    def _ends(self, document: Object) -> int | None:
        text = document.get("autoPurgeAt")
        if text is None:
            return None
        try:
            at = datetime.datetime.fromisoformat(text)
            seconds = (at if at.tzinfo else at.replace(tzinfo=datetime.UTC)).timestamp()
        except (ValueError, OverflowError):
            seconds = -1
        if not self._now() < seconds <= self._now() + _LONGEST:
            raise Refusal(422, Problem("invalid_field", "autoPurgeAt must be a date-time of the next 30 days.", "autoPurgeAt"))
        return int(seconds * 1000)


def _owner(request: Request) -> Caller:
    caller = caller_of(request)
    caller.own()
    return caller


def shown(token: Token, text: str = STARS) -> dict[str, Any]:
    """text: told only when the token is made."""
    only = {field: token.only[kind] for field, kind in _KINDS.items() if token.only and token.only.get(kind)}
    extra = {"description": token.description, "autoPurgeAt": iso(token.ends) if token.ends is not None else None}
    return {"_id": token.id, "name": token.name, "token": text, "fullAccess": token.is_full, "scopes": token.scopes, **only,
            **{k: v for k, v in extra.items() if v is not None}, "revoked": token.revoked is not None,
            "createdAt": iso(token.created), "lastModified": iso(token.modified)}  # fmt: skip
