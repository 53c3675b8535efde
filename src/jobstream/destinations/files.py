"""A file for each part: its name is its key, and it appears whole or not at all. What a form of file does with records is its
own affair (jsonl, csv, parquet); what a key, an attempt and an epoch mean is said here once."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, ClassVar, Literal, NamedTuple, Protocol

from jobstream.destinations.jsonl import Jsonl
from jobstream.destinations.place import folder_of, locked, put, safe, settle, told
from jobstream.plan.notes import Json
from jobstream.ports import Fenced
from jobstream.records.batch import Batch, PartKey


class Place(NamedTuple):
    """Where a part is written. schema: the JSON Schema of the stream's records, where the document has one."""

    stream: str
    folder: Path
    schema: Json = None


class Form(Protocol):
    """One form of file.

    write  pulls all batches into `out` (empty, readable, seekable); returns the number of records. 0: nothing was written."""

    @property
    def suffix(self) -> str: ...
    def write(self, out: BinaryIO, batches: Iterator[Batch], place: Place) -> int: ...


class Files:
    """`<folder>/<stream>/<job>.<attempt>.<target>.<part>.<form>`.

    Hidden while written, under a name that no pattern for data files matches; flushed, renamed, durable. A part without records
    leaves no file. Twice is once: the bytes behind a key never change, so a repeat is drained. Beside the parts lie `.stream`
    (the stream's exact name), `.lock`, and `.<job>.epoch` for each job of which an attempt was taken back."""

    receipts: ClassVar[Literal["kept", "lent"]] = "kept"
    retracts: ClassVar[bool] = True

    def __init__(self, folder: str | Path, form: Form | None = None, schemas: Mapping[str, Json] = {}) -> None:
        self._root, self._schemas = Path(folder).absolute(), schemas
        self._form: Form = form if form is not None else Jsonl()
        self._guard = threading.Lock()
        self._places: dict[str, Place] = {}

    def ready(self) -> None:
        """Raises KeepingError where the folder cannot be written: told before a remote job is made for it."""
        with told(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            probe = self._root / f".probe.{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()

    def write(self, key: PartKey, epoch: int, batches: Iterator[Batch]) -> str:
        """Raises Fenced when a newer owner has taken an attempt of this job back, KeepingError when it cannot be kept: then
        nothing of the part is to be seen."""
        place = self._place(key.stream)
        final = place.folder / f"{written(key.job)}.{key.attempt}.{key.target}.{key.part}{self._form.suffix}"
        if final.exists():
            n = sum(map(len, batches))
            self._fence(place.folder, key.job, epoch)
            return _receipt(n, final)
        try:
            with told(final), _half(final, epoch) as (half, out):
                n = self._form.write(out, _apart(batches), place)
                out.flush()
                os.fsync(out.fileno())
                with locked(place.folder):
                    self._fence(place.folder, key.job, epoch)
                    if n:
                        half.replace(final)
                        settle(place.folder)
        except _Theirs as e:
            raise e.error from None
        return _receipt(n, final)

    def retract(self, stream: str, job: str, attempt: int, epoch: int) -> None:
        """Takes away what this job has delivered up to this attempt. The epoch is remembered first: an older owner that is
        just writing will find it before it names its file. Raises Fenced."""
        folder = self._place(stream).folder
        with told(folder), locked(folder):
            self._fence(folder, job, epoch)
            put(folder / f".{written(job)}.epoch", str(epoch).encode())
            for part in folder.glob(f"{written(job)}.*"):
                if int(part.name.split(".")[1]) <= attempt:
                    part.unlink()
            settle(folder)

    def supersede(self, stream: str, keep: Callable[[str], bool]) -> int:
        """Takes away the parts of jobs that `keep` (of a job's id) does not want: what earlier runs of a stream had delivered, when
        a later one has all of it. Returns how many files went."""
        folder = self._place(stream).folder
        with told(folder), locked(folder):
            old = [f for f in folder.glob("[!.]*") if not keep(named(f))]
            for part in old:
                part.unlink()
            settle(folder)
        return len(old)

    def checkpoint(self, stream: str, state: Json, position: int) -> None:
        """The ledger has it; files could only have it beside the records, never with them."""

    def _place(self, stream: str) -> Place:
        with self._guard:
            if stream not in self._places:
                folder = folder_of(self._root, stream)
                with told(folder), locked(folder):
                    _sweep(folder)
                self._places[stream] = Place(stream, folder, self._schemas.get(stream))
            return self._places[stream]

    def _fence(self, folder: Path, job: str, epoch: int) -> None:
        file = folder / f".{written(job)}.epoch"
        newest = int(file.read_bytes()) if file.exists() else 0
        if epoch < newest:
            raise Fenced(f"{job}: an attempt of it was taken back by epoch {newest}")


def written(job: str) -> str:
    """A job as the names of its files have it: without dots. (Our ids are hexadecimal, so no two of them meet.)"""
    return safe(job).replace(".", "-")


def named(part: Path) -> str:
    """The job that a part file belongs to, as `written` has it."""
    return part.name.split(".")[0]


def _receipt(n: int, final: Path) -> str:
    return f"{n} records in {final.parent.name}/{final.name}" if n else "0 records, no file"


class _Theirs(Exception):
    """What the records' own source raised: not a fault of the destination's disk."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


def _apart(batches: Iterator[Batch]) -> Iterator[Batch]:
    try:
        yield from batches
    except OSError as e:
        raise _Theirs(e) from e


@contextmanager
def _half(final: Path, epoch: int) -> Iterator[tuple[Path, BinaryIO]]:
    """The hidden file of one writer, gone when the block ends unless it was renamed. Its lock says that its writer lives."""
    half = final.with_name(f".{final.name}.{epoch}.half")
    out = _claimed(half)
    try:
        yield half, out
    finally:
        half.unlink(missing_ok=True)
        with suppress(OSError):  # what a full disk refused is in the buffer still
            out.close()


def _claimed(half: Path) -> BinaryIO:
    while True:
        out = os.fdopen(os.open(half, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "w+b")
        try:
            fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            out.close()
            raise Fenced(f"{half.name}: another process is writing it") from None
        if os.fstat(out.fileno()).st_nlink:
            out.truncate(0)
            return out
        out.close()  # swept between open and lock


def _sweep(folder: Path) -> None:
    """Takes away what killed writers left half-written."""
    for half in folder.glob(".*.half"):
        with half.open("rb") as left:
            try:
                fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            half.unlink(missing_ok=True)
