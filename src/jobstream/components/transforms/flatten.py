"""Nested objects become one level."""

from __future__ import annotations

from typing import Annotated

from jobstream.components.options import Options, opt


class Flatten(Options, frozen=True):
    """Every leaf becomes a field named by its own key; where that is taken, or once a list was met, by its parent and key."""

    lists: Annotated[bool, opt("Also lists", "Elements are named by their index.")] = True
