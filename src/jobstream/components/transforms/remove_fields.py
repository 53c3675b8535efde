"""Removes fields of each record."""

from __future__ import annotations

from typing import Annotated

from jobstream.components.options import Options, opt
from jobstream.plan.notes import Cond


class RemoveFields(Options, frozen=True):
    """Removes what the paths find. Elements of a list become null, so that the others keep their places. Works on columns where all paths
    are of one key and there is no condition."""

    paths: Annotated[
        tuple[tuple[str, ...], ...], opt("Paths", "Keys and indexes; *, ? and [ab] match within a key, ** any depth.")
    ]
    when: Annotated[Cond, opt("Only when", "Sees the value found, as `property`.", sees="config", adds=("property",))] = ""
