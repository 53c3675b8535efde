"""Removes fields of each record."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec

from jobstream.components.options import Options, opt
from jobstream.kinds import Build
from jobstream.plan.notes import Cond, Json
from jobstream.records.batch import Columns, Origin, Row
from jobstream.template.language import Scope


class RemoveFields(Options, frozen=True):
    """Removes what the paths find. Elements of a list become null, so that the others keep their places. Works on columns where all paths
    are of one key and there is no condition."""

    paths: Annotated[
        tuple[tuple[str, ...], ...], opt("Paths", "Keys and indexes; *, ? and [ab] match within a key, ** any depth.")
    ]
    when: Annotated[Cond, opt("Only when", "Sees the value found, as `property`.", sees="config", adds=("property",))] = ""

    def build(self, build: Build) -> object:
        simple = all(len(p) == 1 for p in self.paths) and not self.when
        return Removed(self.paths, build.truth(self.when) if self.when else None, build.names, simple)


class Removed(msgspec.Struct, frozen=True):
    paths: tuple[tuple[str, ...], ...]
    when: Callable[[Scope], bool] | None
    config: Scope
    on_columns: bool

    def rows(self, rows: list[Row], origin: Origin) -> list[Row]:
        for r in rows:
            for path in self.paths:
                self._remove(r, path)
        return rows

    def columns(self, columns: Columns, origin: Origin) -> Columns:
        kept = [n for n in columns.schema.names if not any(fnmatchcase(n, p) or p == n for (p,) in self.paths)]
        return columns.select(kept)

    def _remove(self, at: Json, path: tuple[str, ...]) -> None:
        pattern, *rest = path
        for key, value in _members(at):
            if pattern == "**":
                self._remove(value, path)
            if str(key) != pattern and not fnmatchcase(str(key), pattern):
                continue
            if rest:
                self._remove(at if pattern == "**" else value, tuple(rest))
            elif self.when is None or self.when(self.config.plus(property=value)):
                _drop(at, key)


def _members(at: Json) -> list[tuple[Json, Json]]:
    return list(at.items()) if isinstance(at, dict) else list(enumerate(at)) if isinstance(at, list) else []


def _drop(at: Json, key: Json) -> None:
    if isinstance(at, list):
        at[key] = None
    else:
        at.pop(key, None)
