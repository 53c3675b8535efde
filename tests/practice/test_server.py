"""The server starts, serves many at once, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import gzip
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import aiohttp
import msgspec
import pytest

from jobstream.errors import HeldError, UsageError
from jobstream.testing.practice import PracticeApi, PracticeConfig, PracticeServer
from practice_client import EXPORTS, create, downloaded, export, made, poll, rows_of
from raw_http import KEY, ask


def ports_of(api: PracticeServer | PracticeApi) -> list[int]:
    return [urlsplit(u).port or 0 for u in (api.url, api.files_url, api.elsewhere_url)]


def are_free(*ports: int) -> bool:
    """In the end: the system may lend a port to somebody else meanwhile."""
    give_up = time.monotonic() + 10
    while not all(is_free(p) for p in ports):
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def is_free(port: int) -> bool:
    with socket.socket() as plug:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            plug.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.mark.parametrize("where", ["thread", "process"])
def test_a_server_serves_and_leaves_nothing(where: Literal["thread", "process"]) -> None:
    threads = set(threading.enumerate())
    with PracticeServer(where=where, job_seconds=0, files=2, rows=10, faults=["two-members"]) as api:
        ports = ports_of(api)
        assert downloaded(api, export(api)) == list(api.expected_rows())
        assert not any(is_free(p) for p in ports)
        assert api.report().downloads == 2
    assert set(threading.enumerate()) == threads
    assert are_free(*ports)


def test_what_hangs_does_not_keep_the_server() -> None:
    with ExitStack() as lines:
        with PracticeServer(faults=["hang,on=create", "slow-drip=1,on=poll"]) as api:
            for request in (f"POST {EXPORTS}", f"GET {EXPORTS}/x"):
                line = lines.enter_context(socket.create_connection(("127.0.0.1", ports_of(api)[0])))
                line.sendall(
                    f"{request} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer SG.practice\r\nContent-Length: 0\r\n\r\n".encode()
                )
            assert line.recv(10)
            begun = time.monotonic()
        assert time.monotonic() - begun < 3


def test_a_child_ends_when_its_parent_is_killed() -> None:
    parent = (
        "import sys\nfrom jobstream.testing.practice import PracticeServer\n"
        "with PracticeServer(where='process') as api:\n    print(api.url, flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        url = child.stdout.readline().decode().strip()
        assert ask(f"{url}/_practice/report").status == 200
        child.kill()
    assert are_free(urlsplit(url).port or 0)


def test_a_taken_port_is_told_and_nothing_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as spare:
        first, second = spare.getsockname()[1], taken.getsockname()[1]
        spare.close()
        with pytest.raises(HeldError, match=f"port {second}"):
            PracticeServer(port=first, files_port=second).__enter__()
        assert are_free(first)


def test_a_wrong_setting_is_told_before_anything_starts() -> None:
    with pytest.raises(UsageError, match="rowz"):
        PracticeServer(rowz=3)


async def test_it_runs_in_the_loop_of_the_caller(tmp_path: Path) -> None:
    async with (
        PracticeApi(PracticeConfig(job_seconds=0, files=1, rows=5)) as api,
        aiohttp.ClientSession(api.url, headers=KEY) as client,
    ):
        async with client.post(EXPORTS) as answer:
            id = (await answer.json())["id"]
        async with client.get(f"{EXPORTS}/{id}") as answer:
            [url] = (await answer.json())["urls"]
        async with aiohttp.request("GET", url) as answer:
            assert rows_of(gzip.decompress(await answer.read())) == list(api.expected_rows())
        assert api.report().jobs[0].status == "ready"
        api.set_faults("failed")
        async with client.post(EXPORTS):
            assert api.report().jobs[1].status == "failed"
        api.reset()
        assert api.report().n_jobs == 0
        ports = ports_of(api)
    assert are_free(*ports)


async def test_it_counts_what_is_in_flight_at_once() -> None:
    async with PracticeApi(faults=["latency=0.1,on=create"]) as api, aiohttp.ClientSession(api.url, headers=KEY) as client:

        async def one() -> int:
            async with client.post(EXPORTS) as answer:
                return answer.status

        assert await asyncio.gather(*(one() for _ in range(20))) == [202] * 20
        report = api.report()
    assert (report.in_flight_max, report.in_flight, report.n_jobs) == (20, 0, 20)


async def test_large_files_are_made_once_in_a_folder(tmp_path: Path) -> None:
    config = PracticeConfig(job_seconds=0, files=1, rows=50_000, folder=str(tmp_path))
    for _ in range(2):
        async with PracticeApi(config):
            [path] = tmp_path.iterdir()
            made_at = path.stat().st_mtime_ns
    assert path.stat().st_mtime_ns == made_at
    assert len(rows_of(gzip.decompress(path.read_bytes()))) == 50_000


def test_one_connection_serves_many_requests() -> None:
    with PracticeServer() as api, socket.create_connection(("127.0.0.1", ports_of(api)[0])) as line:
        id = made(api)
        request = f"GET {EXPORTS}/{id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer SG.practice\r\n\r\n".encode()
        for _ in range(3):
            line.sendall(request)
            assert line.recv(65536).startswith(b"HTTP/1.1 200 OK")
        assert len(api.report().jobs[0].polls) == 3


def test_an_old_client_gets_no_chunks() -> None:
    with PracticeServer(faults=["chunked,on=create"]) as api, socket.create_connection(("127.0.0.1", ports_of(api)[0])) as line:
        line.sendall(f"POST {EXPORTS} HTTP/1.0\r\nAuthorization: Bearer SG.practice\r\n\r\n".encode())
        raw = b""
        while piece := line.recv(65536):
            raw += piece
    assert b"chunked" not in raw and raw.endswith(b"}")


@pytest.fixture
def command(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    script = tmp_path / "script.json"
    script.write_text('{"job_seconds": 0, "rows": 4, "faults": ["429=3,on=list"]}')
    code = (
        "import argparse, sys\nfrom jobstream.cli import practice_api as p\n"
        "parser = argparse.ArgumentParser()\np.add(parser)\nsys.exit(p.run(parser.parse_args()))\n"
    )
    options = [
        "--port",
        "0",
        "--files-port",
        "0",
        "--script",
        str(script),
        "--fault",
        "bom",
        "--files",
        "1",
        "--verbose",
        "--json",
    ]
    with subprocess.Popen([sys.executable, "-c", code, *options], stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_tells_and_stops(command: subprocess.Popen[str], number: signal.Signals) -> None:
    assert command.stdout
    found = msgspec.json.decode(command.stdout.readline())
    answer = ask(found["url"] + EXPORTS, "POST", KEY)
    [url] = ask(f"{found['url']}{EXPORTS}/{answer.json()['id']}", headers=KEY).json()["urls"]
    assert gzip.decompress(ask(url).body).startswith(b"\xef\xbb\xbf")
    assert ask(found["url"] + EXPORTS, headers=KEY).status == 429
    os.kill(command.pid, number)
    lines = command.stdout.read().splitlines()
    assert command.wait(10) == 0
    assert [line.split()[:2] for line in lines] == [["api", "POST"], ["api", "GET"], ["files", "GET"], ["api", "GET"]]
    assert lines[3].endswith("429") and "Signature" not in "".join(lines)
    assert are_free(urlsplit(found["url"]).port or 0)


def test_create_and_poll_after_many_jobs() -> None:
    with PracticeServer(job_seconds=100) as api:
        ids = [create(api).json()["id"] for _ in range(50)]
        assert len(set(ids)) == 50
        assert [poll(api, id).status for id in ids] == [200] * 50
        brief = api.report(brief=True)
    assert (brief.n_jobs, brief.jobs, brief.polls) == (50, [], 50)
