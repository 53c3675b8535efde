"""Where rows of delimited text end. The grammar is that of Python's csv module, which is the reference for everything here."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from io import StringIO
from typing import Any

import msgspec


class Open(Exception):
    """A quote is open at the end."""


class Grammar(msgspec.Struct, frozen=True):
    """How rows are written. quote, escape, comment: empty where there is none. All bytes here are UTF-8."""

    delimiter: str
    quote: str
    double_quote: bool
    escape: str
    comment: str
    strict: bool

    @property
    def mark(self) -> str:
        """A cell that no quote is in: a row of it is read last, to see whether a quote is still open."""
        return next(c for c in "\x1e\x1f\x1d\x1c" if c not in (self.delimiter, self.quote, self.escape, self.comment[:1]))

    @property
    def plain(self) -> bool:
        """Whether pyarrow can say it."""
        return (self.delimiter + self.quote).isascii()

    def odd(self, block: bytes) -> bool:
        """Whether the block has what pyarrow would read otherwise than Python's csv module."""
        signs = [self.escape, self.quote if self.strict or not self.double_quote else ""]
        return any(s and s.encode() in block for s in signs)

    def pattern(self) -> re.Pattern[bytes]:
        """One row with its line end. Nothing in it backtracks: a row is found in one pass or not at all."""
        escaped = b"|" + re.escape(self.escape.encode()) + rb"[\s\S]" if self.escape else b""
        rest = _run(self.delimiter, self.escape, "\r", "\n", more=escaped)
        cell = rest
        if self.quote:
            quote = re.escape(self.quote.encode())
            doubled = b"|" + quote + quote if self.double_quote else b""
            inside = _run(self.quote, self.escape, more=doubled + escaped)
            # right behind a closing quote the escape is a plain character, unless that quote could not have been doubled
            literal = re.escape(self.escape.encode()) + b"?+" if self.escape and self.double_quote else b""
            cell = b"(?:" + quote + inside + quote + literal + rest + b"|(?!" + quote + b")" + rest + b")"
        row = cell + b"(?:" + re.escape(self.delimiter.encode()) + cell + b")*+"
        comment = re.escape(self.comment.encode()) + rb"[^\r\n]*+|" if self.comment else b""
        return re.compile(b"(?:" + comment + row + rb")(?:\r\n|\n|\r(?!\Z))")

    def rows(self, text: str) -> Iterator[list[str]]:
        """Cells of each row; [] for a blank line. Raises Open, csv.Error."""
        csv.field_size_limit(sys.maxsize)  # rows are bounded by bytes
        how: Any = {"quotechar": self.quote, "quoting": csv.QUOTE_MINIMAL} if self.quote else {"quoting": csv.QUOTE_NONE}
        lines = StringIO(f"{text}{self.mark}\n", newline="")
        held: list[str] | None = None
        for row in csv.reader(lines, delimiter=self.delimiter, doublequote=self.double_quote, escapechar=self.escape or None,
                              strict=self.strict, **how):  # fmt: skip
            if held is not None:
                yield held
            held = row
        if held != [self.mark]:
            raise Open


def _run(*stops: str, more: bytes) -> bytes:
    """As many characters as there are before one of `stops`."""
    signs = [re.escape(s.encode()) for s in stops if s]
    one = b"[^" + b"".join(signs) + b"]" if "".join(stops).isascii() else b"(?:(?!" + b"|".join(signs) + rb")[\s\S])"
    return b"(?:" + one + b"++" + more + b")*+"
