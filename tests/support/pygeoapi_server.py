"""pygeoapi, a server of OGC API Processes that others wrote: started, waited for and stopped. Its environment: `scripts/peers pygeoapi`."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PYTHON = Path(__file__).resolve().parents[2] / ".venvs" / "pygeoapi" / "bin" / "python"

# Its own command starts a second process that watches files. The socket is ours and listens already: the first request waits for the
# server. It ends with its standard input, and so with us, however we end.
_SERVE = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from pygeoapi.flask_app import APP
from werkzeug.serving import make_server
make_server("127.0.0.1", int(sys.argv[1]), APP, threaded=True, fd=int(sys.argv[2])).serve_forever()
"""


@dataclass(frozen=True)
class Pygeoapi:
    """A running pygeoapi with the process `echo`, which sleeps as long as it is told and answers what it was told."""

    origin: str

    def jobs(self) -> list[dict[str, Any]]:
        """What the server knows of jobs; a dismissed one is gone."""
        found: list[dict[str, Any]] = self.get("/jobs?f=json&limit=1000")["jobs"]
        return found

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.origin + path, timeout=60) as answer:
            return json.load(answer)


@contextlib.contextmanager
def serving(here: Path) -> Iterator[Pygeoapi]:
    """A server on a free port; its files lie in `here`. Raises RuntimeError where it cannot start."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as ours:
        port = ours.getsockname()[1]
        environment = _written(here, f"http://127.0.0.1:{port}")
        _described(here, environment)
        with (here / "log").open("wb") as log:
            child = subprocess.Popen([PYTHON, "-c", _SERVE, str(port), str(ours.fileno())], cwd=here, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log, pass_fds=[ours.fileno()])  # fmt: skip
    server = Pygeoapi(f"http://127.0.0.1:{port}")
    try:
        try:
            server.get("/processes/echo?f=json")
        except OSError as e:
            raise RuntimeError(f"pygeoapi does not serve: {e}\n{(here / 'log').read_text()[-3000:]}") from e
        yield server
    finally:
        child.kill()
        child.communicate()


def _written(here: Path, url: str) -> dict[str, str]:
    """Its configuration, in `here`; the environment that names it."""
    (here / "results").mkdir()
    words = {"title": {"en": "Echo"}, "description": {"en": "Says it again."}, "keywords": {"en": ["echo"]}, "keywords_type": "theme", "terms_of_service": url, "url": url}  # fmt: skip
    contact = dict.fromkeys(("name", "position", "address", "city", "stateorprovince", "postalcode", "country", "phone", "fax", "hours", "instructions", "role"), "none")  # fmt: skip
    config = {
        "server": {
            "bind": {"host": "127.0.0.1", "port": int(url.rsplit(":", 1)[1])},
            "url": url,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "gzip": False,
            "languages": ["en-US"],
            "cors": False,
            "limits": {"default_items": 1000, "max_items": 1000},
            "map": {"url": f"{url}/no-map", "attribution": "none"},
            "manager": {"name": "TinyDB", "connection": str(here / "jobs.json"), "output_dir": str(here / "results"), "is_async": True},
        },
        "logging": {"level": "ERROR"},
        "metadata": {"identification": words, "license": {"name": "none", "url": url}, "provider": {"name": "none", "url": url}, "contact": contact | {"email": "none@example.org", "url": url}},
        "resources": {"echo": {"type": "process", "processor": {"name": "Echo"}}},
    }  # fmt: skip
    (here / "config.yaml").write_text(yaml.safe_dump(config))
    return os.environ | {"PYGEOAPI_CONFIG": str(here / "config.yaml"), "PYGEOAPI_OPENAPI": str(here / "openapi.yaml")}


def _described(here: Path, environment: dict[str, str]) -> None:
    """It does not start without its own OpenAPI document."""
    command = [
        str(PYTHON.parent / "pygeoapi"),
        "openapi",
        "generate",
        environment["PYGEOAPI_CONFIG"],
        "--output-file",
        environment["PYGEOAPI_OPENAPI"],
    ]
    made = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, timeout=120, check=False)
    if made.returncode:
        raise RuntimeError(f"pygeoapi cannot describe itself: {made.stderr[-3000:]}")
