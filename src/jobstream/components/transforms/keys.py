"""Renames keys."""

from __future__ import annotations

from typing import Annotated

from jobstream.components.options import Options, opt
from jobstream.plan.notes import Text


class KeysToLower(Options, frozen=True):
    """Keys of each record in lower case; only the record's own, not those inside. The last of two that become equal wins."""


class KeysToSnakeCase(Options, frozen=True):
    """Keys in snake_case and ASCII, also inside objects, not inside lists. Words end where case, digit or sign changes."""


class KeysReplace(Options, frozen=True):
    """Replaces text in keys, also inside objects, not inside lists."""

    old: Annotated[Text, opt("Replace", sees="record")]
    new: Annotated[Text, opt("By", sees="record")]
