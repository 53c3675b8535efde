"""A fixed token."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Annotated

import msgspec

from jobstream.components.options import Options, opt
from jobstream.jobs.event import Answer
from jobstream.kinds import Build, Held, Wire
from jobstream.plan.notes import Text
from jobstream.template.language import Scope


class Bearer(Options, frozen=True):
    """`Authorization: Bearer` and a fixed token."""

    token: Annotated[Text, opt("API key", secret=True)]

    def build(self, build: Build) -> object:
        return BearerSigner(build.text(self.token))


class BearerSigner(msgspec.Struct, frozen=True):
    token: Callable[[Scope], str]

    def acquire(self, held: Held | None, names: Scope, now: float) -> Generator[Wire, Answer, Held] | None:
        return None

    def sign(self, wire: Wire, held: Held | None, names: Scope) -> Wire:
        return msgspec.structs.replace(wire, headers={**wire.headers, "Authorization": f"Bearer {self.token(names)}"})
