"""User and password."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Generator
from typing import Annotated

import msgspec

from jobstream.components.options import Options, opt
from jobstream.jobs.event import Answer
from jobstream.kinds import Build, Held, Wire
from jobstream.plan.notes import Text
from jobstream.template.language import Scope, TemplateFault


class Basic(Options, frozen=True):
    """`Authorization: Basic`: user and password, UTF-8 (RFC 7617)."""

    user: Annotated[Text, opt("User")]
    password: Annotated[Text, opt("Password", secret=True)] = ""

    def build(self, build: Build) -> object:
        return BasicSigner(build.text(self.user), build.text(self.password))


class BasicSigner(msgspec.Struct, frozen=True):
    user: Callable[[Scope], str]
    password: Callable[[Scope], str]

    def acquire(self, held: Held | None, names: Scope, now: float) -> Generator[Wire, Answer, Held] | None:
        return None

    def sign(self, wire: Wire, held: Held | None, names: Scope) -> Wire:
        user = self.user(names)
        if ":" in user:
            raise TemplateFault("a user name may not contain a colon (RFC 7617)")
        return msgspec.structs.replace(wire, headers={**wire.headers, "Authorization": basic(user, self.password(names))})


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
