"""User and password."""

from __future__ import annotations

from typing import Annotated

from jobstream.components.options import Options, opt
from jobstream.plan.notes import Text


class Basic(Options, frozen=True):
    """`Authorization: Basic`: user and password, UTF-8 (RFC 7617)."""

    user: Annotated[Text, opt("User")]
    password: Annotated[Text, opt("Password", secret=True)] = ""
