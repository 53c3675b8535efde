"""Renames keys."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Annotated

import msgspec

from jobstream.components.options import Options, opt
from jobstream.components.transforms.names import is_constant, names_of, renamed
from jobstream.kinds import Build
from jobstream.plan.notes import Text
from jobstream.records.batch import Columns, Origin, Row
from jobstream.template.language import Scope

Rename = Callable[[str], str]
_LETTER = r"[^\W\d_A-Z]"  # any but a capital
_WORD = re.compile(rf"[A-Z]+{_LETTER}*|{_LETTER}+|\d+|(?P<other>[\W_]+)")


class KeysToLower(Options, frozen=True):
    """Keys of each record in lower case; only the record's own, not those inside. Of two that become equal the last wins."""

    def build(self, build: Build) -> object:
        return Renamed(str.lower, deep=False)


class KeysToSnakeCase(Options, frozen=True):
    """Keys in snake_case, also inside objects, not inside lists. Words end where case, digit or sign changes; accents are taken off; a digit in
    front gets `_`. Letters that have no ASCII form stay."""

    def build(self, build: Build) -> object:
        return Renamed(snake_case, deep=True)


class KeysReplace(Options, frozen=True):
    """Replaces text in keys, also inside objects, not inside lists. Works on columns where both texts are constant."""

    old: Annotated[Text, opt("Replace", sees="record")]
    new: Annotated[Text, opt("By", sees="record")]

    def build(self, build: Build) -> object:
        if is_constant(self.old) and is_constant(self.new):
            old, new = build.text(self.old)(build.names), build.text(self.new)(build.names)
            return Renamed(lambda key: key.replace(old, new) if old else key, deep=True)
        return Replaced(build.text(self.old), build.text(self.new), build.names)


class Renamed(msgspec.Struct, frozen=True):
    """By a function of the key alone."""

    name: Rename
    deep: bool
    on_columns: bool = True

    def rows(self, rows: list[Row], origin: Origin) -> list[Row]:
        return [_renamed(r, self.name, self.deep) for r in rows]

    def columns(self, columns: Columns, origin: Origin) -> Columns:
        return renamed(columns, [self.name(n) for n in columns.schema.names])


class Replaced(msgspec.Struct, frozen=True):
    old: Callable[[Scope], str]
    new: Callable[[Scope], str]
    config: Scope
    on_columns: bool = False

    def rows(self, rows: list[Row], origin: Origin) -> list[Row]:
        base = names_of(origin, self.config)
        return [self._row(r, base.plus(record=r)) for r in rows]

    def columns(self, columns: Columns, origin: Origin) -> Columns:
        raise AssertionError("works on rows")

    def _row(self, row: Row, names: Scope) -> Row:
        old, new = self.old(names), self.new(names)
        return _renamed(row, lambda key: key.replace(old, new), deep=True) if old else row


def _renamed(row: Row, name: Rename, deep: bool) -> Row:
    return {name(k): _renamed(v, name, deep) if deep and isinstance(v, dict) else v for k, v in row.items()}


def snake_case(key: str) -> str:
    """Airbyte's rules: signs in front and behind leave a `_`, those between words are its joint."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", key) if not unicodedata.combining(c))
    words = ["" if m["other"] else m[0] for m in _WORD.finditer(plain)]
    if len(words) >= 3:
        words = [words[0], *(w for w in words[1:-1] if w), words[-1]]
    if words and words[0].isdigit():
        words.insert(0, "")
    return "_".join(w.lower() for w in words)
