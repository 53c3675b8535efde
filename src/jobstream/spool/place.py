"""Where a body lies: `<root>/<first part of its name>/<the rest, joined by ~>` and one of three endings.

.part           being written, or left
.mark           what belongs to those bytes, once some of them are on the disk
.<length>.body  whole; its length is in the name, so a body and its length become visible in one step
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jobstream.errors import Defect

_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(/[A-Za-z0-9_-]+)+", re.ASCII)
_FILE = re.compile(r"([A-Za-z0-9_~-]+)\.(?:(\d+)\.body|part|mark(?:\.new)?)", re.ASCII)


class Place(NamedTuple):
    folder: Path
    leaf: str

    @property
    def part(self) -> Path:
        return self.folder / f"{self.leaf}.part"

    @property
    def mark(self) -> Path:
        return self.folder / f"{self.leaf}.mark"

    def body(self, length: int) -> Path:
        return self.folder / f"{self.leaf}.{length}.body"


class Found(NamedTuple):
    """A file of the spool. length: of a whole body as its name tells, else None."""

    name: str
    path: Path
    size: int
    length: int | None


def place(root: Path, name: str) -> Place:
    """Raises Defect for a name that is not ours: `..`, absolute, of one part, or of other signs."""
    if not _NAME.fullmatch(name):
        raise Defect(f"no name of a body: {name!r}")
    first, _, rest = name.partition("/")
    return Place(root / first, rest.replace("/", "~"))


def files(root: Path) -> Iterator[Found]:
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        with os.scandir(folder) as entries:
            for entry in entries:
                got = _FILE.fullmatch(entry.name)
                if got:
                    length = int(got[2]) if got[2] else None
                    yield Found(f"{folder.name}/{got[1].replace('~', '/')}", Path(entry.path), entry.stat().st_size, length)


def sync_folder(folder: Path) -> None:
    """A new name in a folder survives a power cut only after this."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
