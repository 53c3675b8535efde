"""A token that must be fetched: an authenticator that needs the network and stays pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import suppress
from hashlib import sha256
from typing import Annotated, Literal, assert_never
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import msgspec

from jobstream.components.auth.basic import basic
from jobstream.components.cursors.times import TimeFault, instant
from jobstream.components.options import Options, opt
from jobstream.jobs.event import Answer
from jobstream.kinds import Build, Held, Refused, Wire
from jobstream.plan.notes import Json, Text
from jobstream.template.language import Scope

_WORD = re.compile(r"[\w .:-]{1,60}")


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
        return OAuthSigner(self, build.text)


class OAuthSigner(msgspec.Struct, frozen=True):
    """Held: access, refresh, and `given`, a digest of what the config had when they were fetched."""

    o: OAuth
    text: Callable[[str], Callable[[Scope], str]]

    def acquire(self, held: Held | None, names: Scope, now: float) -> Generator[Wire, Answer, Held] | None:
        given = self._given(names)
        mine = held if held is not None and held.values.get("given") == given else None
        return None if mine is not None and now < mine.until - self.o.early else self._acquire(mine, given, names, now)

    def sign(self, wire: Wire, held: Held | None, names: Scope) -> Wire:
        assert held is not None
        return msgspec.structs.replace(wire, headers={**wire.headers, self.o.header: self.o.prefix + held.values["access"]})

    def _acquire(self, mine: Held | None, given: str, names: Scope, now: float) -> Generator[Wire, Answer, Held]:
        known = self._render(self.o.access_token, names)
        url = self._render(self.o.token_url, names)
        if mine is None and known:
            until = self._known_until(names, bool(url))
            if now < until - self.o.early:
                return Held({"access": known, "given": given}, until)
        if not url:
            raise Refused(
                "the access token is not accepted, and there is no token URL" if known else "there is no access token"
            )
        refresh = (mine.values.get("refresh") if mine else "") or self._render(self.o.refresh_token, names)
        answer = yield self._request(url, refresh, names)
        body = _body(answer)
        self._check(answer.code, body)
        access = _sought(body, self.o.access_token_name)
        if not isinstance(access, str) or not access:
            seen = ", ".join(sorted(body)) if isinstance(body, dict) else "no JSON object"
            raise Refused(f"the token answer has no {self.o.access_token_name}, only: {seen}")
        rotated = _sought(body, self.o.new_refresh_token_name)
        values = {"access": access, "refresh": rotated if isinstance(rotated, str) and rotated else refresh, "given": given}
        return Held(values, self._until(_sought(body, self.o.expires_in_name), now))

    def _request(self, url: str, refresh: str, names: Scope) -> Wire:
        headers = {k: self._render(v, names) for k, v in self.o.headers.items()}
        form = self._form(refresh, names)
        user, secret = self._render(self.o.client_id, names), self._render(self.o.client_secret, names)
        if not any(k.lower() == "authorization" for k in headers):
            if self.o.client == "basic":
                headers["Authorization"] = basic(user, secret)
            else:
                pair = {
                    self._render(self.o.client_id_name, names): user,
                    self._render(self.o.client_secret_name, names): secret,
                }
                form = {k: v for k, v in pair.items() if v} | form
        for k, v in self.o.body.items():
            form.setdefault(k, self._render(v, names))
        match self.o.send:
            case "query":
                parts = urlsplit(url)
                query = "&".join(q for q in (parts.query, urlencode(form, doseq=True)) if q)
                return Wire("POST", urlunsplit(parts._replace(query=query)), headers)
            case "json":
                return Wire("POST", url, {"Content-Type": "application/json", **headers}, msgspec.json.encode(form))
            case "form":
                media = {"Content-Type": "application/x-www-form-urlencoded", **headers}
                return Wire("POST", url, media, urlencode(form, doseq=True).encode())
            case _:
                assert_never(self.o.send)

    def _form(self, refresh: str, names: Scope) -> dict[str, Json]:
        grant = self._render(self.o.grant, names) or ("refresh_token" if refresh else "client_credentials")
        form: dict[str, Json] = {self._render(self.o.grant_name, names): grant}
        if refresh:
            form[self._render(self.o.refresh_token_name, names)] = refresh
        if grant == "password":
            form |= {"username": self._render(self.o.user, names), "password": self._render(self.o.password, names)}
        if scopes := [self._render(s, names) for s in self.o.scopes]:
            form[self.o.scopes_name] = " ".join(scopes) if self.o.scopes_name == "scope" else scopes
        return form

    def _check(self, code: int, body: Json) -> None:
        if code < 400:
            return
        said = body.get(self.o.refused_key) if isinstance(body, dict) else None
        if code in self.o.refused_codes and str(said) in self.o.refused_values:
            raise Refused(f"the refresh token is not accepted any more ({said}): sign in again")
        word = f" ({said})" if isinstance(said, str) and _WORD.fullmatch(said) else ""
        raise Refused(f"the token URL answered {code}{word}")

    def _until(self, told: Json, now: float) -> float:
        if told is None:
            return now + self.o.lives
        if self.o.expiry_format:
            return self._moment(str(told))
        try:
            return now + float(told)
        except (TypeError, ValueError) as e:
            raise Refused(f"{self.o.expires_in_name} is {told!r} and no number of seconds") from e

    def _known_until(self, names: Scope, renewable: bool) -> float:
        text = self._render(self.o.access_token_until, names).strip()
        if text:
            return self._moment(text)
        return 0.0 if renewable else float("inf")

    def _moment(self, text: str) -> float:
        for form in (self.o.expiry_format, "iso", "%s"):
            with suppress(TimeFault):
                return instant(text, form).timestamp()
        raise Refused(f"the end of the access token, {text!r}, is no instant")

    def _given(self, names: Scope) -> str:
        said = (self.o.client_id, self.o.client_secret, self.o.refresh_token, self.o.access_token)
        return sha256("\0".join(self._render(t, names) for t in said).encode()).hexdigest()[:16]

    def _render(self, source: str, names: Scope) -> str:
        return self.text(source)(names)


def _body(answer: Answer) -> Json:
    """JSON, or a form as some servers answer; None for anything else."""
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        form = parse_qs(answer.body.decode("utf-8", "replace")) if b"=" in answer.body[:200] else {}
        return {k: v[0] for k, v in form.items()} or None


def _sought(value: Json, key: str, depth: int = 5) -> Json:
    """The first value under `key`, at any depth down to five (as Airbyte looks for it)."""
    if isinstance(value, dict):
        if value.get(key) is not None:
            return value[key]
        value = list(value.values())
    if not isinstance(value, list) or not depth:
        return None
    found = (_sought(v, key, depth - 1) for v in value)
    return next((f for f in found if f is not None), None)
