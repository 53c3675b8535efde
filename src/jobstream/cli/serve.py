"""`jobstream serve`: the REST API, everything embedded."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from jobstream.cli.place import add_place, store_at

if TYPE_CHECKING:
    from fastapi import FastAPI

    from jobstream.documents.store.store import Store

EPILOG = """\
examples:
  jobstream token create --data here                        a token for the API, on standard output
  jobstream serve --data here --port 8700                   then: curl -H "Authorization: Bearer $TOKEN" \\
                                                              http://127.0.0.1:8700/v1/asynchelpers
  jobstream serve --db postgresql://user@host/name          several servers may share one database and one JOBSTREAM_KEY

The API is described at /openapi.json. Secrets are sealed with the key in DIR/key, JOBSTREAM_KEY_FILE or JOBSTREAM_KEY:
keep a copy of it; without it they cannot be read. Ctrl-C or SIGTERM ends in order."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1, this machine alone)")
    parser.add_argument("--port", type=int, default=8700, help="port; 0: any (default: 8700)")
    add_place(parser)
    parser.add_argument("--recycle-days", metavar="DAYS", type=_positive, default=30.0,
                        help="how long deleted resources can be restored (default: 30)")  # fmt: skip
    parser.add_argument("--allow-host", metavar="NAME", action="append", default=[],
                        help="a name that browsers know this server by, beside the loopback names and --host; repeatable")  # fmt: skip
    parser.add_argument("--rate-limit", metavar="N", type=_not_negative, default=0.0,
                        help="requests a second of one account, after a first burst of ten thirds of it (default: 0, no limit)")  # fmt: skip


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("a number from 0 on is wanted")
    return value


def _positive(text: str) -> float:
    value = _not_negative(text)
    if not value:
        raise argparse.ArgumentTypeError("a number above 0 is wanted")
    return value


def run(args: argparse.Namespace) -> int:
    store = store_at(args, args.recycle_days * 86400.0)
    return asyncio.run(_serve(args, store))


async def _serve(args: argparse.Namespace, store: Store) -> int:
    from jobstream.api.door import LOOPBACK, Limits
    from jobstream.api.server import application
    from jobstream.cli.signals import stopping
    from jobstream.clock import SystemClock

    stop = asyncio.Event()
    with _bound(args.host, args.port) as listening, stopping(stop):
        try:
            await store.open()
            hosts = frozenset({*LOOPBACK, args.host.lower(), *(n.lower() for n in args.allow_host)})
            app = application(store, SystemClock(), Limits(rate=args.rate_limit), hosts)
            await _until_stopped(app, listening, stop)
        finally:
            await store.close()
    return 0


async def _until_stopped(app: FastAPI, listening: socket.socket, stop: asyncio.Event) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        """Says where it is once it answers, and leaves signals to us."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            host, port = listening.getsockname()[:2]
            print(f"jobstream serves http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)

    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=10)
    server = Server(config)
    serving = asyncio.create_task(server.serve([listening]))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    server.should_exit = True
    await serving


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """Raises HeldError, UsageError."""
    from jobstream.errors import HeldError, UsageError

    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(address[:2], family=family, backlog=2048)
    except socket.gaierror as e:
        raise UsageError(f"cannot be resolved: {e.strerror}", where=f"--host {host}") from e
    except OSError as e:
        raise HeldError(f"cannot listen: {e.strerror}", where=f"{host}:{port}", hint="--port 0 takes any free one") from e
    with listening:
        yield listening
    sys.stdout.flush()
