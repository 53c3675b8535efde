"""One typed, redacted record for every HTTP exchange. Who keeps it is the sink's affair: the log a line, the
Builder the newest n for "Other Requests", a cassette all. There is no test flag."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from jobstream.jobs.event import Fault


class Trace(Struct, frozen=True):
    """n: poll 1, 2, 3 · page · place in the chain. took: seconds. code None: no answer. rule: pointer of what said it."""

    stream: str
    job: str
    attempt: int
    step: str
    n: int
    at: float
    took: float
    method: str
    url: str
    headers: dict[str, str]
    body: str
    code: int | None
    answer_headers: dict[str, str]
    answer_body: str
    verdict: str
    rule: str = ""
    fault: Fault | None = None
    via: str = ""  # the address really asked, where an origin map sent it elsewhere

    @property
    def title(self) -> str:
        return {"create": "Async Job -- Create", "poll": "Async Job -- Polling", "abort": "Async Job -- Abort",
                "delete": "Async Job -- Delete", "auth": "Refresh token"}.get(self.step, f"Async Job -- {self.step}")  # fmt: skip


Sink: TypeAlias = Callable[[Trace], None]


def unwatched(trace: Trace) -> None:
    """Nobody looks: a trace for this sink need not be made."""
