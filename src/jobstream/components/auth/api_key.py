"""A key in a place of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Annotated, Literal, assert_never
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec
from msgspec import structs

from jobstream.components.options import Options, opt
from jobstream.jobs.event import Answer
from jobstream.kinds import Build, Held, Wire
from jobstream.plan.notes import Json, Text
from jobstream.template.language import Scope, TemplateFault


class ApiKey(Options, frozen=True):
    """A fixed key in a header, a query value or a field of the body.

    `body_json` and `body_data` add a field to the body that the request has; a request without one gets it."""

    name: Annotated[Text, opt("Name", "Of the header, query value or field.")]
    token: Annotated[Text, opt("API key", secret=True)]
    into: Annotated[Literal["header", "query", "body_json", "body_data"], opt("Goes into")] = "header"
    path: Annotated[tuple[str, ...], opt("Path", "Keys inside a JSON body, instead of the name.", advanced=True)] = ()

    def build(self, build: Build) -> object:
        return KeySigner(build.text(self.name), build.text(self.token), self.into, self.path)


class KeySigner(msgspec.Struct, frozen=True):
    name: Callable[[Scope], str]
    token: Callable[[Scope], str]
    into: Literal["header", "query", "body_json", "body_data"]
    path: tuple[str, ...]

    def acquire(self, held: Held | None, names: Scope, now: float) -> Generator[Wire, Answer, Held] | None:
        return None

    def sign(self, wire: Wire, held: Held | None, names: Scope) -> Wire:
        name, token = self.name(names), self.token(names)
        match self.into:
            case "header":
                return structs.replace(wire, headers={**wire.headers, name: token})
            case "query":
                return structs.replace(wire, url=with_query(wire.url, {name: token}))
            case "body_json":
                return structs.replace(
                    wire, headers=_typed(wire, "application/json"), body=self._into_json(wire.body, name, token)
                )
            case "body_data":
                pair = urlencode({name: token}).encode()
                body = wire.body + b"&" + pair if wire.body else pair
                return structs.replace(wire, headers=_typed(wire, "application/x-www-form-urlencoded"), body=body)
            case _:
                assert_never(self.into)

    def _into_json(self, body: bytes, name: str, token: str) -> bytes:
        try:
            value: Json = msgspec.json.decode(body) if body else {}
        except (msgspec.DecodeError, UnicodeDecodeError):
            value = None
        *above, last = self.path or (name,)
        at = value
        for key in above:
            at = at.setdefault(key, {}) if isinstance(at, dict) else None
        if not isinstance(at, dict):
            raise TemplateFault("the key goes into the JSON body, which is no object there")
        at[last] = token
        return msgspec.json.encode(value)


def with_query(url: str, more: Mapping[str, str]) -> str:
    """More query values at the end; what is there stays as it is written."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(q for q in (parts.query, urlencode(more)) if q)))


def _typed(wire: Wire, media: str) -> dict[str, str]:
    has = any(k.lower() == "content-type" for k in wire.headers)
    return wire.headers if has else {**wire.headers, "Content-Type": media}
