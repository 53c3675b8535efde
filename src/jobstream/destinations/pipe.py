"""Standard output, or whatever is behind it: whole lines, one writer at a time."""

from __future__ import annotations

import os
import select
import threading
from pathlib import Path
from typing import ClassVar

from jobstream.destinations.place import told
from jobstream.errors import KeepingError


class ReaderGone(KeepingError):
    """Who read our output has closed it (`| head`): nobody is left to work for. Exit code as a shell tells SIGPIPE."""

    code: ClassVar[str] = "keeping.reader_gone"
    exit_code: ClassVar[int] = 141


class Pipe:
    """Bytes to a file descriptor, past Python's buffers: what is handed over is with the system on return.

    lock  held for one batch of lines, so that lines of several threads never mix; also for a log that goes the same way."""

    def __init__(self, handle: int = 1) -> None:
        self._handle = handle
        self._lock = threading.Lock()

    def write(self, lines: bytes | memoryview) -> None:
        """Whole lines; copied nowhere. Raises ReaderGone, KeepingError."""
        left = memoryview(lines)
        with self._lock:
            try:
                with told(Path("standard output")):
                    while left.nbytes:
                        left = left[self._some(left) :]
            except KeepingError as e:
                if isinstance(e.__cause__, BrokenPipeError | ConnectionResetError):
                    raise ReaderGone("the reader went away", where="standard output",
                                     hint="run again: what it did not keep comes again") from None  # fmt: skip
                raise

    def _some(self, left: memoryview) -> int:
        try:
            return os.write(self._handle, left)
        except BlockingIOError:  # the other side has made the pipe non-blocking
            select.select([], [self._handle], [])
            return 0
