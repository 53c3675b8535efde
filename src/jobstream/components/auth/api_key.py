"""A key in a place of its own."""

from __future__ import annotations

from typing import Annotated, Literal

from jobstream.components.options import Options, opt
from jobstream.plan.notes import Text


class ApiKey(Options, frozen=True):
    """A fixed key in a header, a query value or a field of the body.

    `body_json` and `body_data` add a field to the body that the request has; a request without one gets it."""

    name: Annotated[Text, opt("Name", "Of the header, query value or field.")]
    token: Annotated[Text, opt("API key", secret=True)]
    into: Annotated[Literal["header", "query", "body_json", "body_data"], opt("Goes into")] = "header"
    path: Annotated[tuple[str, ...], opt("Path", "Keys inside a JSON body, instead of the name.", advanced=True)] = ()
