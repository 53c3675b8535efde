"""Who asks, and what they may do."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request

from jobstream.api.problem import forbidden
from jobstream.documents.store.resource import Author
from jobstream.documents.store.tokens import Token


class Caller(NamedTuple):
    """A good token. `run` and `manage` each include `read`; neither includes the other."""

    token: Token

    @property
    def account(self) -> str:
        return self.token.account

    @property
    def author(self) -> Author:
        return Author(self.token.account, self.token.id)

    @property
    def level(self) -> str:
        """The access level that dependencies tell: owner, manage, run or read."""
        if self.token.is_full:
            return "owner"
        return next(s for s in ("manage", "run", "read") if s in self.token.scopes)

    def ids(self, kind: str) -> tuple[str, ...] | None:
        """Those of a kind that the token is for; None: all."""
        return self.token.only.get(kind, ()) if self.token.only is not None else None

    def read(self, kind: str, id: str | None = None) -> None:
        """Raises Refusal where the token is for other resources. id: None for something of the whole kind."""
        if self.token.only is not None and id not in self.token.only.get(kind, ()):
            raise forbidden(f"use this of {kind}")

    def manage(self, kind: str, id: str | None = None) -> None:
        """Raises Refusal where the token may change nothing, or not this."""
        self.read(kind, id)
        if "manage" not in self.token.scopes:
            raise forbidden("change anything")

    def own(self) -> None:
        """Raises Refusal where the token is not an owner's."""
        if not self.token.is_full:
            raise forbidden("see or change tokens")


def caller_of(request: Request) -> Caller:
    """As the door has found it."""
    caller: Caller = request.scope["caller"]
    return caller
