"""The decoder that a response header names."""

from __future__ import annotations

from typing import Annotated

from jobstream.components.options import Options, opt
from jobstream.plan.component import Component


class Composite(Options, frozen=True):
    """Chooses by the value of a response header, such as the content type without its parameters; case does not count."""

    by: Annotated[dict[str, Component], opt("By value", "Header value and decoder.", kind="decoder")]
    default: Annotated[Component | None, opt("Otherwise", "Empty: any other value is an error.", kind="decoder")] = None
    header: Annotated[str, opt("Header", "Case-insensitive.", min_length=1)] = "content-type"
