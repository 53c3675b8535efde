"""Compression, taken off by content."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import BinaryIO, cast


def unpacked(source: BinaryIO, *, most: int | None = None) -> Iterator[BinaryIO]:
    """The streams inside `source`, each plain. Not compressed: itself."""
    head = source.read(2)
    source.seek(-len(head), 1)
    yield cast(BinaryIO, gzip.GzipFile(fileobj=source)) if head == b"\x1f\x8b" else source
