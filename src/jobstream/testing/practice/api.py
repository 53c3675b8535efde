"""The practice API from Python: in the caller's event loop, in a thread, or in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from jobstream.errors import KeepingError
from jobstream.testing.practice.config import PracticeConfig, config_from
from jobstream.testing.practice.data import expected_rows
from jobstream.testing.practice.faults import Fault, parse_fault
from jobstream.testing.practice.report import Report


class PracticeApi:
    """`async with PracticeApi(config) as api:` — runs in this event loop.

    url, files_url, elsewhere_url   the three origins, as http://host:port"""

    def __init__(self, config: PracticeConfig | None = None, *, watch: Callable[..., None] | None = None, **fields: Any) -> None:  # fmt: skip
        self.config = config or config_from({}, **fields)
        self._watch = watch

    async def __aenter__(self) -> PracticeApi:
        from jobstream.testing.practice.server import Listeners
        from jobstream.testing.practice.state import Practice
        from jobstream.testing.practice.store import LARGE, Twist

        self._practice = Practice(self.config)
        if self.config.rows >= LARGE:
            for k in range(self.config.files):
                await self._practice.store.blob("", k, self._practice.faults.quirks(None, k), Twist(), self.config.format)
        self._listeners = Listeners(self._practice, self._watch)
        await self._listeners.start()
        self.url, self.files_url, self.elsewhere_url = (
            self._practice.url,
            self._practice.files_url,
            self._practice.elsewhere_url,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._listeners.stop()

    def report(self, *, brief: bool = False) -> Report:
        return self._practice.report(brief=brief)

    def set_faults(self, *faults: Fault | str) -> None:
        """In the place of those in force."""
        self._practice.faults.set(parse_fault(f) if isinstance(f, str) else f for f in faults)

    def finish(self) -> None:
        """All that is pending comes to its end now, except what never does."""
        self._practice.finish()

    def reset(self, config: PracticeConfig | None = None) -> None:
        """As after the start; the addresses stay."""
        self.config = config or self.config
        self._practice.reset(config)

    def expected_rows(self, part: str = "", *, job: int | None = None) -> Iterator[dict[str, str]]:
        """See data.expected_rows; with the faults that the config names."""
        return expected_rows(self.config, part, job=job)


class Addresses(Struct, frozen=True):
    """What a started server says first."""

    url: str
    files_url: str
    elsewhere_url: str


class PracticeServer:
    """`with PracticeServer(config) as api:` — for callers without an event loop. All it does goes through HTTP.

    where   thread: of this process · process: a child, which ends with its parent, even a killed one
    """

    url: str
    files_url: str
    elsewhere_url: str

    def __init__(
        self, config: PracticeConfig | None = None, *, where: Literal["thread", "process"] = "thread", **fields: Any
    ) -> None:
        self.config = config or config_from({}, **fields)
        self._host: _Thread | _Process = _Thread(self.config) if where == "thread" else _Process(self.config)

    def __enter__(self) -> PracticeServer:
        found = self._host.start()
        self.url, self.files_url, self.elsewhere_url = found.url, found.files_url, found.elsewhere_url
        return self

    def __exit__(self, *_: object) -> None:
        self._host.stop()

    def report(self, *, brief: bool = False) -> Report:
        return msgspec.json.decode(self._ask("GET", f"/_practice/report{'?brief=1' if brief else ''}"), type=Report)

    def set_faults(self, *faults: Fault | str) -> None:
        """In the place of those in force."""
        self._ask("POST", "/_practice/faults", list(faults))

    def finish(self) -> None:
        """All that is pending comes to its end now, except what never does."""
        self._ask("POST", "/_practice/finish")

    def reset(self, changes: Mapping[str, Any] | None = None) -> None:
        """As after the start. changes: fields of the config, the addresses excepted."""
        self._ask("POST", "/_practice/reset", dict(changes or {}))
        self.config = config_from({**msgspec.to_builtins(self.config), **(changes or {})})

    def expected_rows(self, part: str = "", *, job: int | None = None) -> Iterator[dict[str, str]]:
        """See data.expected_rows; with the faults that the config names."""
        return expected_rows(self.config, part, job=job)

    def _ask(self, method: str, target: str, body: object = None) -> bytes:
        import http.client

        at = urlsplit(self.url)
        line = http.client.HTTPConnection(at.hostname or "", at.port, timeout=30)
        try:
            line.request(method, target, None if body is None else msgspec.json.encode(body))
            answer = line.getresponse()
            said = answer.read()
        finally:
            line.close()
        if answer.status != 200:
            raise ValueError(said.decode())
        return said


class _Thread:
    def __init__(self, config: PracticeConfig) -> None:
        import threading

        self._config = config
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="practice-api", daemon=True)
        self._found: Addresses | BaseException = KeepingError("the practice API did not start")

    def start(self) -> Addresses:
        self._thread.start()
        self._started.wait()
        if isinstance(self._found, BaseException):
            self._thread.join()
            raise self._found
        return self._found

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def _run(self) -> None:
        import asyncio

        try:
            asyncio.run(self._serve())
        except BaseException as e:
            self._found = e
        finally:
            self._started.set()

    async def _serve(self) -> None:
        import asyncio

        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with PracticeApi(self._config) as api:
            self._found = Addresses(api.url, api.files_url, api.elsewhere_url)
            self._started.set()
            await self._end.wait()


class _Process:
    """The child reads its config from its input, says its addresses, and ends at the end of its input."""

    def __init__(self, config: PracticeConfig) -> None:
        self._config = config

    def start(self) -> Addresses:
        import subprocess

        self._child = subprocess.Popen([sys.executable, "-m", "jobstream.testing.practice"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
        entry, said = self._pipes()
        entry.write(msgspec.json.encode(self._config) + b"\n")
        entry.flush()
        line = said.readline()
        if not line:
            self.stop()
            raise KeepingError("the practice API did not start", hint="its own message is above")
        return msgspec.json.decode(line, type=Addresses)

    def stop(self) -> None:
        import subprocess

        entry, said = self._pipes()
        entry.close()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        said.close()

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._child.stdin is not None and self._child.stdout is not None
        return self._child.stdin, self._child.stdout
