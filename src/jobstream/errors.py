"""The error tree, grouped by what to do next.

JobstreamError
├── DocumentError      the person's document is wrong: fix it
├── UsageError         the command was called wrongly: see --help
├── HeldError          something else holds what is needed: wait, or end it
├── RemoteError        the other system refused or did not answer
├── DataError          the bytes are not what was promised
├── KeepingError       our own stores (ledger, spool, destination)
└── Defect             cannot happen: always loud
"""

from __future__ import annotations

from typing import ClassVar


class JobstreamError(Exception):
    """code: stable, for programs · where: a place in the person's own document or the world · hint: what to do next.

    Shown as `where: message (hint)`; never carries a secret."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message, self.where, self.hint = message, where, hint

    def __str__(self) -> str:
        said = f"{self.where}: {self.message}" if self.where else self.message
        return f"{said} ({self.hint})" if self.hint else said


class DocumentError(JobstreamError):
    """A manifest, resource file or config that cannot be used. faults: every mistake found, one text each."""

    code = "document"
    exit_code = 2

    def __init__(self, message: str, *, where: str = "", hint: str = "", faults: tuple[str, ...] = ()) -> None:
        super().__init__(message, where=where, hint=hint)
        self.faults = faults


class UsageError(JobstreamError):
    """A command line or a setting that makes no sense."""

    code = "usage"
    exit_code = 2


class HeldError(JobstreamError):
    """Another process has the project, the source or the port."""

    code = "held"
    exit_code = 3


class RemoteError(JobstreamError):
    """The remote system refused, failed or did not answer."""

    code = "remote"


class DataError(JobstreamError):
    """Bytes that are not what the document says they are."""

    code = "data"


class KeepingError(JobstreamError):
    """The ledger, the spool or the destination cannot keep what it was given."""

    code = "keeping"


class Defect(JobstreamError):
    """A fault of jobstream itself."""

    code = "defect"
