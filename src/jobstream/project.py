"""A project on disk: `.jobstream/` holds settings, ledger, spool, key and locks.

.jobstream/settings.toml    what a person may set (see Settings)
.jobstream/ledger.db        the jobs' events
.jobstream/spool/           downloaded bytes without a receipt
.jobstream/key              what seals answers and config at rest; JOBSTREAM_KEY instead of it
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from jobstream.errors import HeldError, KeepingError, UsageError

Count = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """settings.toml, then JOBSTREAM_* of the environment, then the command line: the later wins.

    map_origin     origin asked for -> origin really asked
    jobs           remote jobs of a source open at the same time; absent: what the document says
    rate           requests a second to a source; 0: no limit
    connections    open connections to one host
    downloads      downloads at the same time; what has come is decoded by a thread for each core
    attempts       remote jobs for one slice; absent: what the document says (3)
    in_flight      jobs planned ahead
    spool_bytes    bytes in the spool before downloads wait
    stop_seconds   after Ctrl-C or SIGTERM: how long remote jobs are being aborted
    """

    map_origin: dict[str, str] = {}
    jobs: Count | None = None
    rate: NotNegative = 0.0
    connections: Count = 100
    downloads: Count = 32
    attempts: Count | None = None
    in_flight: Count = 10_000
    spool_bytes: Count = 20 << 30
    stop_seconds: NotNegative = 20.0


class Project:
    """A folder and what jobstream keeps in it. Nothing is made before it is needed."""

    def __init__(self, folder: Path, environ: Mapping[str, str] = {}) -> None:
        self.folder = folder
        self.home = folder / ".jobstream"
        self.settings = _settings(self.home / "settings.toml", environ)
        self._key = environ.get("JOBSTREAM_KEY", "")

    @property
    def ledger_path(self) -> Path:
        return self.home / "ledger.db"

    @property
    def spool_path(self) -> Path:
        return self.home / "spool"

    def make(self) -> None:
        """The folder, private to its owner. Raises KeepingError."""
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as e:
            said = (e.strerror or str(e)).lower()
            raise KeepingError(
                f"cannot be made: {said}", where=str(self.home), hint="--project names a folder to write in"
            ) from e

    def key(self) -> bytes:
        """32 bytes, from JOBSTREAM_KEY (hexadecimal) or the key file, which is made on first use."""
        if self._key:
            return _unhex(self._key, "JOBSTREAM_KEY")
        file = self.home / "key"
        self.make()
        with (
            contextlib.suppress(FileExistsError),
            os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out,
        ):
            out.write(os.urandom(32).hex())
        return _unhex(file.read_text().strip(), str(file))

    def held(self) -> bool:
        """Some process runs a source of this project."""
        import fcntl

        for lock in (self.home / "locks").glob("*"):
            with lock.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return True
        return False

    @contextlib.contextmanager
    def hold(self, source: str) -> Iterator[None]:
        """One process a source. The lock ends with the process, however it ends. Raises HeldError."""
        import fcntl

        self.make()
        locks = self.home / "locks"
        locks.mkdir(exist_ok=True)
        file = os.open(locks / hashlib.blake2b(source.encode(), digest_size=8).hexdigest(), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as e:
                who = os.pread(file, 20, 0).decode(errors="replace").strip()
                raise HeldError(f"process {who} is running this source", where=source,
                                hint="wait for it, end it, or use another --project") from e  # fmt: skip
            os.ftruncate(file, 0)
            os.pwrite(file, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(file)


def _settings(file: Path, environ: Mapping[str, str]) -> Settings:
    raw: dict[str, Any] = {}
    if file.exists():
        try:
            raw = tomllib.loads(file.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
            raise UsageError(str(e), where=str(file)) from e
    for name in Settings.__struct_fields__:
        given = environ.get(f"JOBSTREAM_{name.upper()}")
        if given is not None:
            raw[name] = dict(pair.split("=", 1) for pair in given.split() if "=" in pair) if name == "map_origin" else given
    try:
        return msgspec.convert(raw, Settings, strict=False)
    except msgspec.ValidationError as e:
        raise UsageError(str(e), where=str(file), hint="known: " + ", ".join(Settings.__struct_fields__)) from e


def _unhex(text: str, where: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise UsageError(
            "a key is 64 hexadecimal digits", where=where, hint="python3 -c 'import secrets; print(secrets.token_hex(32))'"
        )
    return raw
