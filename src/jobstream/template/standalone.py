"""White space around tags: `~`, and tags that stand alone on their line leave no line. In place, once, on the parsed tree.

Source: handlebars.js 4.7, WhitespaceControl. (A caret block `{{^x}}` is not told from an empty one with an else.)
"""

from __future__ import annotations

import re

from pydantic_handlebars._ast_nodes import (
    BlockStatement,
    CommentStatement,
    ContentStatement,
    MustacheStatement,
    Program,
    Statement,
    StripFlags,
)

_LINE_BEFORE, _START = re.compile(r"\r?\n\s*?$"), re.compile(r"(^|\r?\n)\s*?$")
_LINE_AFTER, _END = re.compile(r"^\s*?\r?\n"), re.compile(r"^\s*?(\r?\n|$)")


class Whitespace:
    """Of one tree."""

    def __init__(self) -> None:
        self._done: set[tuple[int, str]] = set()  # contents that were cut at a side by a tag alone on its line

    def program(self, program: Program, root: bool = False) -> None:
        body = program.body
        for i, statement in enumerate(body):
            match statement:
                case BlockStatement():
                    self._block(body, i, statement, root)
                case CommentStatement():
                    self._tilde(body, i, statement.strip)
                    if _blank_before(body, i, root) and _blank_after(body, i, root):
                        self._right(body, i)
                        self._left(body, i)
                    statement.strip = StripFlags()
                case MustacheStatement():
                    self._tilde(body, i, statement.strip)
                    statement.strip = StripFlags()
                case _:
                    pass

    def _block(self, body: list[Statement], i: int, block: BlockStatement, root: bool) -> None:
        first, last = block.body, block.inverse or block.body
        self.program(first)
        if block.inverse is not None:
            self.program(block.inverse)
            chained = block.inverse.body[:1]
            if chained and isinstance(chained[0], BlockStatement) and chained[0].chained:
                last = chained[0].body
        opens, closes = _blank_after(first.body, -1), _blank_before(last.body, len(last.body))
        self._inside(block, first, last)
        self._tilde(body, i, StripFlags(block.open_strip.open_standalone, block.close_strip.close_standalone))
        if opens and _blank_before(body, i, root):
            self._right(first.body, -1)
            self._left(body, i)
        if closes and _blank_after(body, i, root):
            self._right(body, i)
            self._left((block.inverse or first).body, None)
        block.open_strip = block.close_strip = block.inverse_strip = StripFlags()

    def _inside(self, block: BlockStatement, first: Program, last: Program) -> None:
        if block.open_strip.close_standalone:
            self._right(first.body, -1, tilde=True)
        if block.inverse is None:
            if block.close_strip.open_standalone:
                self._left(first.body, None, tilde=True)
            return
        if block.inverse_strip.open_standalone:
            self._left(first.body, None, tilde=True)
        if block.inverse_strip.close_standalone:
            self._right(last.body, -1, tilde=True)
        if block.close_strip.open_standalone:
            self._left(last.body, None, tilde=True)
        if _blank_before(first.body, len(first.body)) and _blank_after(last.body, -1):
            self._left(first.body, None)
            self._right(last.body, -1)

    def _tilde(self, body: list[Statement], i: int, strip: StripFlags) -> None:
        if strip.close_standalone:
            self._right(body, i, tilde=True)
        if strip.open_standalone:
            self._left(body, i, tilde=True)

    def _right(self, body: list[Statement], i: int, *, tilde: bool = False) -> None:
        """Cuts the beginning of what follows statement i."""
        self._cut(body[i + 1] if i + 1 < len(body) else None, "r", r"^\s+" if tilde else r"^[ \t]*\r?\n?", tilde)

    def _left(self, body: list[Statement], i: int | None, *, tilde: bool = False) -> None:
        """Cuts the end of what stands before statement i; None: of the last one."""
        at = len(body) - 1 if i is None else i - 1
        self._cut(body[at] if at >= 0 else None, "l", r"\s+$" if tilde else r"[ \t]+$", tilde)

    def _cut(self, content: Statement | None, side: str, what: str, tilde: bool) -> None:
        if not isinstance(content, ContentStatement) or (not tilde and (id(content), side) in self._done):
            return
        cut = re.sub(what, "", content.value, count=1)
        if cut != content.value:
            self._done.add((id(content), side))
        content.value = cut


def _blank_before(body: list[Statement], i: int, root: bool = False) -> bool:
    if i == 0:
        return root
    before = body[i - 1]
    return isinstance(before, ContentStatement) and bool(
        (_LINE_BEFORE if i > 1 or not root else _START).search(before.original)
    )


def _blank_after(body: list[Statement], i: int, root: bool = False) -> bool:
    if i + 1 >= len(body):
        return root
    after = body[i + 1]
    return isinstance(after, ContentStatement) and bool(
        (_LINE_AFTER if i + 2 < len(body) or not root else _END).search(after.original)
    )
