"""Answers, targets, tokens and config are sealed in the ledger: AES-256-GCM, bound to the place where they lie.

A sealed value: one byte 1, four bytes key id, twelve bytes nonce, the rest. JSON never begins with that byte, so plain and sealed
values lie side by side."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from jobstream.errors import KeepingError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = b"\x01"
_ID, _NONCE = 4, 12


class Seal(Protocol):
    """about: the place of the value (job and number of an event); it opens nowhere else."""

    def seal(self, plain: bytes, about: str) -> bytes: ...
    def open(self, sealed: bytes, about: str) -> bytes:
        """What was never sealed is given back as it is. Raises KeepingError."""


class NoSeal:
    """Everything lies open."""

    def seal(self, plain: bytes, about: str) -> bytes:
        return plain

    def open(self, sealed: bytes, about: str) -> bytes:
        if sealed[:1] == MARK:
            raise KeepingError("a value of the ledger is sealed, and there is no key", hint="give the project its key file")
        return sealed


class AesSeal:
    """keys: 32 bytes each; the last one seals, all of them open."""

    def __init__(self, *keys: bytes) -> None:
        self._raw = {key_id(k): k for k in keys}
        self._current = key_id(keys[-1])
        self._built: dict[bytes, AESGCM] = {}

    def seal(self, plain: bytes, about: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return MARK + self._current + nonce + self._cipher(self._current).encrypt(nonce, plain, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        if sealed[:1] != MARK:
            return sealed
        from cryptography.exceptions import InvalidTag

        key, nonce, body = sealed[1 : 1 + _ID], sealed[1 + _ID : 1 + _ID + _NONCE], sealed[1 + _ID + _NONCE :]
        if key not in self._raw:
            raise KeepingError(f"a value of the ledger is sealed with key {key.hex()}, which is not here", where=about,
                               hint="give the project the key file that it was written with")  # fmt: skip
        try:
            return self._cipher(key).decrypt(nonce, body, about.encode())
        except InvalidTag as e:
            raise KeepingError("a sealed value of the ledger was changed", where=about, hint="restore the ledger") from e

    def _cipher(self, key: bytes) -> AESGCM:
        if key not in self._built:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._built[key] = AESGCM(self._raw[key])
        return self._built[key]


def key_id(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=_ID, person=b"jobstream seal").digest()


def seal_from(path: Path, given: bytes | None = None) -> AesSeal:
    """given: a key of 32 bytes. Else the key file: a key in hexadecimal a line, made on first use, readable by its owner only.
    A line that is added seals from then on. Raises KeepingError."""
    if given is not None:
        return AesSeal(_checked(given, "the key that was given"))
    if not path.exists():
        _made(path)
    try:
        keys = [bytes.fromhex(line) for line in path.read_text("ascii").split()]
    except ValueError as e:
        raise KeepingError("the key file has a line that is not hexadecimal", where=str(path)) from e
    if not keys:
        raise KeepingError("the key file is empty", where=str(path), hint="restore it; without it the ledger cannot be read")
    return AesSeal(*(_checked(k, str(path)) for k in keys))


def _made(path: Path) -> None:
    """Whole or not at all, and only by the first of several processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as f:
        f.write(os.urandom(32).hex() + "\n")
        f.flush()
        os.fsync(f.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def _checked(key: bytes, where: str) -> bytes:
    if len(key) != 32:
        raise KeepingError(f"a key has 32 bytes, this one {len(key)}", where=where)
    return key
