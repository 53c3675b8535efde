"""A job API and file server that costs little: jobs in memory, files by sendfile. Prints its address, ends when standard input does.

python server.py FOLDER [LATENCY]    latency: seconds before each answer

POST /exports/FILE            a job that is ready at once and names /files/FILE
POST /timed/KEY?from=A&to=B   a job that takes A to B seconds, by its number, and names /parts/ID
GET  /jobs/ID                 {"id", "status": "pending" | "ready", "urls"}
GET  /stats                   jobs, polls, done, downloaded
GET  /stats/lags              the same, and the seconds from done to the first byte of the download, of each job
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import time
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit


class Job:
    __slots__ = ("done_at", "file", "got_at", "id", "key", "seen_at")

    def __init__(self, number: str, key: str, file: str, done_at: float) -> None:
        self.id, self.key, self.file, self.done_at = number, key, file, done_at
        self.seen_at = self.got_at = 0.0


class World:
    """What the server knows, and what it has seen."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.jobs, self.polls, self.origin = folder, dict[str, Job](), 0, ""
        self.first_create = self.last_create = 0.0

    def create(self, kind: str, key: str, query: dict[str, str]) -> tuple[int, bytes]:
        now, n = time.monotonic(), len(self.jobs)
        low, high = float(query.get("from", 0)), float(query.get("to", 0))
        takes = low + (high - low) * ((n * 2654435761) % 4096) / 4096
        job = Job(f"j{n}", key, key if kind == "exports" else "", now + takes)
        self.jobs[job.id] = job
        self.first_create, self.last_create = self.first_create or now, now
        return 201, json.dumps({"id": job.id, "status": "pending"}).encode()

    def poll(self, number: str) -> tuple[int, bytes]:
        job, self.polls = self.jobs.get(number), self.polls + 1
        if job is None:
            return 404, b'{"error":"no such job"}'
        if time.monotonic() < job.done_at:
            return 200, b'{"id":"%b","status":"pending"}' % number.encode()
        job.seen_at = job.seen_at or time.monotonic()
        url = f"{self.origin}/files/{job.file}" if job.file else f"{self.origin}/parts/{job.id}"
        return 200, json.dumps({"id": job.id, "status": "ready", "urls": [url]}).encode()

    def part(self, number: str) -> tuple[int, bytes]:
        job = self.jobs.get(number)
        if job is None:
            return 404, b'{"error":"no such job"}'
        job.got_at = job.got_at or time.monotonic()
        return 200, gzip.compress(f"id,key\n{number},{job.key}\n".encode(), 1, mtime=0)

    def stats(self, what: str) -> tuple[int, bytes]:
        now, timed = time.monotonic(), [j for j in self.jobs.values() if not j.file]
        found: dict[str, object] = {
            "jobs": len(self.jobs), "polls": self.polls, "creating_s": round(self.last_create - self.first_create, 3),
            "done": sum(j.done_at <= now for j in timed), "downloaded": sum(j.got_at > 0 for j in timed),
        }  # fmt: skip
        if what == "lags":
            found["lags"] = sorted(round(j.got_at - j.done_at, 4) for j in timed if j.got_at)
        return 200, json.dumps(found).encode()


class Peer(asyncio.Protocol):
    """One connection; requests one after another."""

    def __init__(self, world: World, latency: float) -> None:
        self.world, self.latency, self.buffer = world, latency, bytearray()
        self.sending: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end])
            at = head.lower().find(b"content-length:")
            body = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + body:
                return
            del self.buffer[: end + 4 + body]
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
            if self.latency:
                asyncio.get_running_loop().call_later(self.latency, self._answer, method, target)
            else:
                self._answer(method, target)

    def _answer(self, method: str, target: str) -> None:
        split = urlsplit(target)
        kind, _, name = split.path.strip("/").partition("/")
        if method == "GET" and kind == "files" and (self.world.folder / name).is_file():
            self.sending = asyncio.create_task(self._file(self.world.folder / name))
            return
        if method == "POST" and kind in ("exports", "timed"):
            status, body = self.world.create(kind, name, dict(parse_qsl(split.query)))
        elif method == "GET" and kind in ("jobs", "parts", "stats"):
            status, body = {"jobs": self.world.poll, "parts": self.world.part, "stats": self.world.stats}[kind](name)
        else:
            status, body = 404, b'{"error":"no such path"}'
        sort = b"application/gzip" if kind == "parts" and status == 200 else b"application/json"
        self.transport.write(
            b"HTTP/1.1 %d X\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (status, sort, len(body), body)
        )

    async def _file(self, path: Path) -> None:
        size = path.stat().st_size
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/gzip\r\nContent-Length: %d\r\n\r\n" % size)
        with path.open("rb") as file:
            await asyncio.get_running_loop().sendfile(self.transport, file)


async def main(folder: Path, latency: float) -> None:
    loop, world = asyncio.get_running_loop(), World(folder)
    server = await loop.create_server(lambda: Peer(world, latency), "127.0.0.1", 0, backlog=1024)
    world.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(world.origin, flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0))
