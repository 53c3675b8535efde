"""scrapyd, a server of crawling jobs that others wrote, with one spider that needs no network. Its environment: `scripts/peers scrapyd`.

Its jobs are pending, running, finished; what failed is finished too, with no items. Results are JSON lines, served as plain text."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYTHON = Path(__file__).resolve().parents[2] / ".venvs" / "scrapyd" / "bin" / "python"

# The socket is ours and listens already: the first request waits for the server. It ends with its standard input, and so with us.
_SERVE = """
import os, signal, socket, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os.killpg(0, signal.SIGKILL)), daemon=True).start()
from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import IService
from twisted.internet import reactor
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
import scrapyd.app, scrapyd.config
where = AdoptedStreamServerEndpoint(reactor, int(sys.argv[1]), socket.AF_INET)
scrapyd.app.TCPServer = lambda port, site, interface: StreamServerEndpointService(where, site)
IService(scrapyd.app.application(scrapyd.config.Config())).startService()
reactor.run()
"""

_CONFIG = """
[scrapyd]
items_dir = items
eggs_dir = eggs
logs_dir = logs
dbs_dir = dbs
poll_interval = 0.2
max_proc = 2
"""

_SPIDER = """
import asyncio
import scrapy

class Rows(scrapy.Spider):
    name = "rows"

    async def start(self):
        await asyncio.sleep(float(self.delay))
        for n in range(int(self.rows)):
            yield {"id": n, "name": f"row {n}", "seen": None}
"""


@dataclass(frozen=True)
class Scrapyd:
    """A running scrapyd with the project `works` and its spider `rows`: arguments `rows`, how many, and `delay`, seconds."""

    origin: str

    def jobs(self) -> dict[str, list[dict[str, Any]]]:
        """pending, running and finished jobs."""
        found = self.get("/listjobs.json?project=works")
        return {state: found[state] for state in ("pending", "running", "finished")}

    def ended(self, job: str) -> bool:
        """Whether the job's process ends within a minute; scrapyd answers a cancel before it does."""
        end = time.monotonic() + 60
        while self.get(f"/status.json?project=works&job={job}")["currstate"] != "finished" and time.monotonic() < end:
            time.sleep(0.05)
        return time.monotonic() < end

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.origin + path, timeout=60) as answer:
            return json.load(answer)


@contextlib.contextmanager
def serving(here: Path) -> Iterator[Scrapyd]:
    """A server on a free port; its files lie in `here`. Raises RuntimeError where it cannot start."""
    (here / "scrapyd.conf").write_text(_CONFIG)
    egg = here / "eggs" / "works" / "1.egg"
    egg.parent.mkdir(parents=True)
    with zipfile.ZipFile(egg, "w") as project:
        project.writestr("EGG-INFO/PKG-INFO", "Metadata-Version: 1.0\nName: works\nVersion: 1\n")
        project.writestr("EGG-INFO/entry_points.txt", "[scrapy]\nsettings = works.settings\n")
        project.writestr("works/__init__.py", "")
        project.writestr(
            "works/settings.py", 'BOT_NAME = "works"\nSPIDER_MODULES = ["works.spiders"]\nTELNETCONSOLE_ENABLED = False\n'
        )
        project.writestr("works/spiders/__init__.py", _SPIDER)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as ours, (here / "log").open("wb") as log:
        origin = f"http://127.0.0.1:{ours.getsockname()[1]}"
        child = subprocess.Popen([PYTHON, "-c", _SERVE, str(ours.fileno())], cwd=here, stdin=subprocess.PIPE, stdout=log, stderr=log, pass_fds=[ours.fileno()], start_new_session=True)  # fmt: skip
    server = Scrapyd(origin)
    try:
        try:
            server.get("/daemonstatus.json")
        except OSError as e:
            raise RuntimeError(f"scrapyd does not serve: {e}\n{(here / 'log').read_text()[-3000:]}") from e
        yield server
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
