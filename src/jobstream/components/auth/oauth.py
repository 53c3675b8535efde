"""A token that must be fetched: an authenticator that needs the network and stays pure."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Annotated
from urllib.parse import urlencode

import msgspec

from jobstream.components.options import Options, opt
from jobstream.jobs.event import Answer
from jobstream.kinds import Build, Held, Wire
from jobstream.plan.notes import Text
from jobstream.template.language import Scope, TemplateFault

EARLY = 60.0  # seconds before its end a token is renewed


class OAuth(Options, frozen=True):
    """OAuth 2: an access token by refresh token or client credentials, kept until it nearly dies.

    A rotated refresh token is sealed and stored before it is used."""

    token_url: Annotated[Text, opt("Token URL")]
    client_id: Annotated[Text, opt("Client id")]
    client_secret: Annotated[Text, opt("Client secret", secret=True)]
    refresh_token: Annotated[Text, opt("Refresh token", "Empty: client credentials.", secret=True)] = ""
    lives: Annotated[int, opt("Token lives", "When the answer does not say.", unit="seconds", ge=1)] = 3600

    def build(self, build: Build) -> object:
        texts = (self.token_url, self.client_id, self.client_secret, self.refresh_token)
        return OAuthSigner(self.lives, tuple(build.text(t) for t in texts))


class OAuthSigner(msgspec.Struct, frozen=True):
    lives: int
    texts: tuple[Callable[[Scope], str], ...]

    def acquire(self, held: Held | None, names: Scope, now: float) -> Generator[Wire, Answer, Held] | None:
        return None if held is not None and now < held.until - EARLY else self._acquire(held, names, now)

    def _acquire(self, held: Held | None, names: Scope, now: float) -> Generator[Wire, Answer, Held]:
        url, client, secret, given = (t(names) for t in self.texts)
        refresh = held.values.get("refresh", given) if held else given
        form = {
            "client_id": client,
            "client_secret": secret,
            "grant_type": "refresh_token" if refresh else "client_credentials",
        }
        if refresh:
            form["refresh_token"] = refresh
        answer = yield Wire("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form).encode())
        body = msgspec.json.decode(answer.body)
        if "access_token" not in body:
            raise TemplateFault(f"the token answer has no access_token, only {sorted(body)}")
        values = {"access": body["access_token"], "refresh": body.get("refresh_token", refresh)}
        return Held(values, now + float(body.get("expires_in", self.lives)))

    def sign(self, wire: Wire, held: Held | None, names: Scope) -> Wire:
        assert held is not None
        return msgspec.structs.replace(wire, headers={**wire.headers, "Authorization": f"Bearer {held.values['access']}"})
