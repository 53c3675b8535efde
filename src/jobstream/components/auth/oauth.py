"""A token that must be fetched: an authenticator that needs the network and stays pure."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Annotated, Literal
from urllib.parse import urlencode

import msgspec

from jobstream.components.options import Options, opt
from jobstream.jobs.event import Answer
from jobstream.kinds import Build, Held, Wire
from jobstream.plan.notes import Text
from jobstream.template.language import Scope, TemplateFault

EARLY = 60.0  # seconds before its end a token is renewed


class OAuth(Options, frozen=True):
    """OAuth 2: an access token that is fetched, kept until it nearly dies, and fetched again.

    A refresh token that the answer rotates is sealed and stored before it is used; it is preferred until the configured one changes.
    A refused refresh token (`refused_*`) asks the user to sign in again; it is not asked twice."""

    token_url: Annotated[Text, opt("Token URL", "Empty: the given access token is all there is.")] = ""
    client_id: Annotated[Text, opt("Client id")] = ""
    client_secret: Annotated[Text, opt("Client secret", secret=True)] = ""
    refresh_token: Annotated[Text, opt("Refresh token", secret=True)] = ""
    grant: Annotated[Text, opt("Grant type", "Empty: refresh_token where there is one, else client_credentials.")] = ""
    scopes: Annotated[tuple[Text, ...], opt("Scopes")] = ()
    user: Annotated[Text, opt("User", "For the grant `password`.")] = ""
    password: Annotated[Text, opt("Password", "For the grant `password`.", secret=True)] = ""
    body: Annotated[
        dict[str, Text], opt("More fields", "Added to the token request where its own fields do not have the name.")
    ] = {}
    headers: Annotated[
        dict[str, Text], opt("More headers", "With an Authorization here, id and secret are left out of the form.")
    ] = {}
    send: Annotated[Literal["form", "json", "query"], opt("Sent as")] = "form"
    client: Annotated[Literal["body", "basic"], opt("Client id and secret", "In the form, or as user and password.")] = "body"
    access_token: Annotated[Text, opt("Access token", "One that is already known.", secret=True)] = ""
    access_token_until: Annotated[
        Text, opt("Good until", "End of that token; empty: fetch a new one where there is a token URL.")
    ] = ""
    expiry_format: Annotated[
        str, opt("Format of the expiry", "Empty: seconds from now; else a moment: `iso`, `%s`, `%ms` or strptime.")
    ] = ""
    lives: Annotated[int, opt("Token lives", "When the answer does not say.", unit="seconds", ge=1)] = 3600
    early: Annotated[int, opt("Renew early", "Before its end.", unit="seconds", ge=0, advanced=True)] = 60
    header: Annotated[str, opt("Header", "Where the token goes.", min_length=1, advanced=True)] = "Authorization"
    prefix: Annotated[str, opt("Before the token", advanced=True)] = "Bearer "
    client_id_name: Annotated[Text, opt("Field: client id", advanced=True)] = "client_id"
    client_secret_name: Annotated[Text, opt("Field: client secret", advanced=True)] = "client_secret"
    refresh_token_name: Annotated[Text, opt("Field: refresh token", advanced=True)] = "refresh_token"
    grant_name: Annotated[Text, opt("Field: grant type", advanced=True)] = "grant_type"
    scopes_name: Annotated[
        str, opt("Field: scopes", "`scope` has them in one text (RFC 6749); any other name is repeated.", advanced=True)
    ] = "scope"
    access_token_name: Annotated[str, opt("Answer: access token", advanced=True)] = "access_token"
    expires_in_name: Annotated[str, opt("Answer: expiry", advanced=True)] = "expires_in"
    new_refresh_token_name: Annotated[str, opt("Answer: rotated refresh token", advanced=True)] = "refresh_token"
    refused_codes: Annotated[tuple[int, ...], opt("Refused: codes", advanced=True)] = (400,)
    refused_key: Annotated[str, opt("Refused: key", "In the answer of the token URL.", advanced=True)] = "error"
    refused_values: Annotated[tuple[str, ...], opt("Refused: values", advanced=True)] = ("invalid_grant", "invalid_permissions")

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
