"""A stream's folder: a safe name, one owner of the name, a lock between processes, and files that appear whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobstream.errors import KeepingError

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_ .")
_TAKEN = frozenset(("con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))))
_LONGEST = 120  # bytes; 255 is what file systems allow, and a name is a part of longer ones


def safe(name: str) -> str:
    """A name for one file or folder: different names stay different, and each is legal on every file system.

    Letters, digits, `-`, `_`, inner dots and spaces stay; other bytes become `%41`; what is too long is cut and ends with its
    digest. Never begins with `.` or `_`: readers of data folders pass such names over."""
    pieces = [_spelled(c, i in (0, len(name) - 1)) for i, c in enumerate(name)] or ["%"]
    if "".join(pieces).partition(".")[0].strip().lower() in _TAKEN:
        pieces[0] = f"%{ord(pieces[0]):02X}"
    if sum(len(p.encode()) for p in pieces) <= _LONGEST:
        return "".join(pieces)
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    while sum(len(p.encode()) for p in pieces) > _LONGEST - len(digest):
        pieces.pop()
    return f"{''.join(pieces)}%~{digest}"


def _spelled(c: str, rim: bool) -> str:
    if c in _PLAIN and not (rim and c in "._ "):
        return c
    if ord(c) > 127 and c.isalnum() and unicodedata.normalize("NFKC", c) == c:
        return c
    return "".join(f"%{b:02X}" for b in c.encode("utf-8", "surrogatepass"))


@contextmanager
def told(where: Path) -> Iterator[None]:
    """What the file system refuses, in words. Raises KeepingError."""
    try:
        yield
    except OSError as e:
        why = os.strerror(e.errno).lower() if e.errno else str(e)
        hint = {
            errno.ENOSPC: "make room and run again: what was delivered stays, what was not comes again",
            errno.EDQUOT: "make room and run again: what was delivered stays, what was not comes again",
            errno.EFBIG: "the limit of this process or file system for one file is too small for a part",
            errno.EACCES: "let this user write there, or choose another folder",
            errno.EPERM: "let this user write there, or choose another folder",
            errno.EROFS: "choose a folder that can be written",
        }.get(e.errno or 0, "")
        raise KeepingError(f"cannot write: {why}", where=str(where), hint=hint) from e


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One at a time in a stream's folder, among threads and processes; freed by the system when its holder dies."""
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def put(file: Path, content: bytes) -> None:
    """The whole of a small file, durable. Under the folder's lock."""
    half = file.with_name(f"{file.name}.half")
    with half.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    half.replace(file)
    settle(file.parent)


def settle(folder: Path) -> None:
    """What was named, renamed or taken away there is durable on return."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def folder_of(root: Path, stream: str) -> Path:
    """The stream's folder, made and durable. Raises KeepingError where it belongs to another stream: a file system that does
    not tell `Users` from `users` would mix the two."""
    there = root / safe(stream)
    owner = there / ".stream"
    name = stream.encode("utf-8", "surrogatepass")
    with told(there):
        if not there.exists():
            there.mkdir(parents=True, exist_ok=True)
            settle(root)
            with suppress(PermissionError):  # a parent that can be passed but not read
                settle(root.parent)
        with locked(there):
            if not owner.exists():
                put(owner, name)
            said = owner.read_bytes()
    if said != name:
        other = said.decode("utf-8", "replace")
        raise KeepingError(f"the folder of stream '{stream}' belongs to stream '{other}'", where=str(there),
                           hint="give one of them another folder")  # fmt: skip
    return there
