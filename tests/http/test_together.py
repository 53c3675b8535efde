"""Transport and spool together: bodies that are cut and gone on with, and many requests at once."""

from __future__ import annotations

import asyncio
import re
from hashlib import blake2b
from pathlib import Path

import pytest
from aiohttp import web

from jobstream.clock import SystemClock
from jobstream.http.transport import HttpTransport
from jobstream.kinds import Wire
from jobstream.ports import NoAnswer, Spool, Transport
from jobstream.spool.folder import FolderSpool
from raw_server import Asked, answer, serving

BODY = b"".join(b"%015d\n" % i for i in range(400_000))


async def test_a_body_that_is_cut_again_and_again_arrives_whole(tmp_path: Path) -> None:
    """Each answer breaks after a million bytes; each next one begins where it was cut, in a new process of ours every time."""

    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        m = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", "bytes=0-"))
        assert m
        at = int(m[1])
        assert at == 0 or asked.headers["if-range"] == '"v1"'
        head = [f"Content-Range: bytes {at}-{len(BODY) - 1}/{len(BODY)}"] if at else []
        whole = answer(BODY[at:], 206 if at else 200, 'ETag: "v1"', *head)
        cut = whole[: whole.index(b"\r\n\r\n") + 4 + 1_000_000]
        w.write(cut)
        if len(cut) < len(whole):
            await w.drain()
            w.close()

    tries = 0
    async with serving(say) as server:
        while True:
            tries += 1
            transport: Transport = (http := HttpTransport(SystemClock(), allow_private=True))
            spool: Spool = (folder := FolderSpool(tmp_path, 1 << 30))
            writing = await spool.begin("job/1/0/0")
            headers = {"Range": f"bytes={writing.offset}-", "If-Range": writing.mark["etag"]} if writing.offset else {}
            got = await transport.send(Wire("GET", server.origin, headers), timeout=5.0, follow=True, budget="")
            if got.code == 200:
                await writing.restart({"etag": got.headers["etag"]})
            try:
                async for chunk in got.chunks():
                    await writing.write(chunk)
            except NoAnswer:
                await writing.leave()
            else:
                kept = await writing.keep()
                break
            finally:
                await http.close()
                await folder.close()

    assert kept == (len(BODY), blake2b(BODY, digest_size=16).hexdigest())
    assert 7 <= tries <= 10


@pytest.mark.parametrize("size", [10, 5_000, 60_000, 200_000])
async def test_what_came_before_a_cut_is_not_lost(size: int) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(answer(b"x" * 1_000_000)[: -1_000_000 + size])
        await w.drain()
        w.close()

    http = HttpTransport(SystemClock(), allow_private=True)
    came = 0
    async with serving(say) as server:
        got = await http.send(Wire("GET", server.origin), timeout=5.0, follow=True, budget="")
        with pytest.raises(NoAnswer):
            async for chunk in got.chunks():
                came += len(chunk)
    await http.close()

    assert came == size


async def test_a_thousand_requests_at_once_share_their_sockets() -> None:
    open_now, most = 0, 0

    async def handle(request: web.Request) -> web.Response:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.005)
        open_now -= 1
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_post("/{n}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    http = HttpTransport(SystemClock(), allow_private=True, per_host=40, sockets=50)

    async def one(n: int) -> bool:
        got = await http.send(Wire("POST", f"{origin}/{n}", {}, b"%d" % n), timeout=20.0, follow=True, budget="")
        return b"".join([c async for c in got.chunks()]) == b"%d" % n

    right = await asyncio.gather(*(one(n) for n in range(1000)))
    await http.close()
    await runner.cleanup()

    assert all(right) and most <= 40
