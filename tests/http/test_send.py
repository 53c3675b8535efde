"""One request over a real socket: what leaves, what comes back, and whether it may have been carried out."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from jobstream.clock import SystemClock
from jobstream.http.transport import HttpTransport, Received
from jobstream.kinds import Wire
from jobstream.ports import NoAnswer, NotSent
from raw_server import Asked, answer, serving


@pytest.fixture
async def http() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(SystemClock(), allow_private=True, idle=0.3, connect=5.0)
    yield transport
    await transport.close()


async def send(http: HttpTransport, wire: Wire, timeout: float = 10.0, follow: bool = False) -> Received:
    return await http.send(wire, timeout=timeout, follow=follow, budget="")


async def read(got: Received) -> bytes:
    return b"".join([c async for c in got.chunks()])


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_a_request_leaves_exactly_as_it_was_given(http: HttpTransport) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(answer(b"ok", 201, "X-Two: a", "X-Two: b"))

    async with serving(say) as server:
        body = bytes(range(256)) * 3
        wire = Wire(
            "post", f"{server.origin}/a%2Fb/ü?sig=a%2Bb%2F&q=[x] y|z#part", {"X-Key": "Ünder", "content-length": "3"}, body
        )

        got = await send(http, wire)

        assert (got.code, got.headers["x-two"], await read(got)) == (201, "a, b", b"ok")
        asked = server.asked[0]
        assert (asked.method, asked.target) == ("POST", "/a%2Fb/%C3%BC?sig=a%2Bb%2F&q=[x]%20y%7Cz")
        assert asked.body == body and asked.headers["content-length"] == "768"
        assert asked.headers["x-key"].encode("latin-1").decode() == "Ünder"
        assert re.fullmatch(r"jobstream/\d+\.\d+\.\d+", asked.headers["user-agent"])
        assert asked.headers["accept-encoding"] == "gzip" and "content-type" not in asked.headers


async def test_what_the_document_says_of_agent_and_encoding_wins(http: HttpTransport) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(answer())

    async with serving(say) as server:
        headers = {"user-agent": "me", "ACCEPT-ENCODING": "identity", "Host": "elsewhere"}

        await read(await send(http, Wire("GET", server.origin, headers)))

        assert [server.asked[0].headers[k] for k in ("user-agent", "accept-encoding", "host")] == [
            "me",
            "identity",
            "elsewhere",
        ]


async def test_a_large_body_is_sent_whole(http: HttpTransport) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(answer())

    async with serving(say) as server:
        body = b"0123456789abcdef" * (3 << 16)

        await read(await send(http, Wire("PUT", server.origin, {}, body)))

        assert server.asked[0].body == body


async def test_a_compressed_body_is_handed_on_as_it_came(http: HttpTransport) -> None:
    raw = b"\x1f\x8b not even gzip"

    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(answer(raw, 200, "Content-Encoding: gzip"))

    async with serving(say) as server:
        got = await send(http, Wire("GET", server.origin))

        assert (await read(got), got.headers["content-encoding"], got.headers["content-length"]) == (raw, "gzip", str(len(raw)))


async def test_nobody_listens_is_not_sent(http: HttpTransport) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

        with pytest.raises(NotSent, match=rf"http://127.0.0.1:{port}: no connection: .*refused"):
            await send(http, Wire("POST", f"http://127.0.0.1:{port}/?secret=1"))


@pytest.mark.parametrize("url", ["ftp://a/b", "nothing", "http://", "http://a b/", "http://a:99999/", "http://2130706433/",
                                 "http://127.1/", "http://a\\@b/", "file:///etc/passwd", "http://[::1"])  # fmt: skip
async def test_what_is_no_http_address_is_not_sent(http: HttpTransport, url: str) -> None:
    with pytest.raises(NotSent):
        await send(http, Wire("GET", url))


@pytest.mark.parametrize("headers", [{"A": "b\r\nC: d"}, {"A\n": "b"}, {"A": "b\0"}, {"A": "\ud800"}, {"Ä": "b"}])
async def test_a_header_that_would_break_the_request_is_not_sent(http: HttpTransport, headers: dict[str, str]) -> None:
    with pytest.raises(NotSent, match="header"):
        await send(http, Wire("GET", "http://127.0.0.1:1/", headers))


async def test_a_method_that_is_no_token_is_not_sent(http: HttpTransport) -> None:
    with pytest.raises(NotSent):
        await send(http, Wire("GE T\r\n", "http://127.0.0.1:1/"))


async def test_an_unknown_name_is_not_sent(http: HttpTransport) -> None:
    with pytest.raises(NotSent, match="no address is known"):
        await send(http, Wire("POST", "http://nobody.invalid/"))


async def test_no_free_socket_in_time_is_not_sent() -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    http = HttpTransport(SystemClock(), allow_private=True, per_host=1)
    async with serving(say) as server:
        first = asyncio.create_task(send(http, Wire("POST", server.origin)))
        while not server.asked:
            await asyncio.sleep(0.01)

        with pytest.raises(NotSent, match=r"no free connection within 0\.2 s"):
            await send(http, Wire("POST", server.origin), timeout=0.2)

        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await http.close()
        assert len(server.asked) == 1


async def test_a_host_that_does_not_accept_in_time_is_not_sent() -> None:
    http = HttpTransport(SystemClock(), allow_private=True, connect=0.2)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        for s in fillers:  # the queue of connections is full: a further SYN is dropped
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", port))

        with pytest.raises(NotSent, match=r"no connection within 0\.2 s"):
            await send(http, Wire("POST", f"http://127.0.0.1:{port}/"))

        for s in fillers:
            s.close()
    await http.close()


async def test_silence_after_the_request_is_no_answer(http: HttpTransport) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with serving(say) as server:
        with pytest.raises(NoAnswer, match=r"no answer within 0\.2 s"):
            await send(http, Wire("POST", server.origin), timeout=0.2)

        assert len(server.asked) == 1


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nContent-Le", b"SSH-2.0-OpenSSH\r\n\r\n",
                                  b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000,
                                  b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 400 + b"\r\n"])  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
async def test_a_head_that_is_cut_or_unreadable_is_no_answer(http: HttpTransport, said: bytes, method: str) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(said)
        w.close()

    async with serving(say) as server:
        with pytest.raises(NoAnswer):
            await send(http, Wire(method, server.origin))

        assert len(server.asked) == 1


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE"])
async def test_a_reset_after_the_request_is_no_answer_and_nothing_is_repeated(http: HttpTransport, method: str) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        reset(w)

    async with serving(say) as server:
        with pytest.raises(NoAnswer):
            await send(http, Wire(method, server.origin))

        assert len(server.asked) == 1


@pytest.mark.parametrize("said", [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 60,
                                  b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n" + b"x" * 20,
                                  b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxx\r\n",
                                  b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n"])  # fmt: skip
@pytest.mark.parametrize("hard", [False, True])
async def test_a_body_that_is_cut_is_no_answer(http: HttpTransport, said: bytes, hard: bool) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(said)
        await w.drain()
        await asyncio.sleep(0.02)
        if hard:
            reset(w)
        else:
            w.close()

    async with serving(say) as server:
        with pytest.raises(NoAnswer):
            await read(await send(http, Wire("GET", server.origin)))


async def test_a_body_that_falls_silent_is_no_answer(http: HttpTransport) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 60)
        await asyncio.sleep(30)

    async with serving(say) as server:
        got = await send(http, Wire("GET", server.origin))

        with pytest.raises(NoAnswer, match=r"fell silent for 0\.3 s"):
            await read(got)


async def test_a_slow_drip_is_waited_for(http: HttpTransport) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            await asyncio.sleep(0.08)
            w.write(b"x")

    async with serving(say) as server:
        got = await send(http, Wire("GET", server.origin), timeout=0.5)

        assert await read(got) == b"x" * 10


async def test_a_slow_reader_is_no_silence(http: HttpTransport) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(answer(b"x" * (4 << 20)))

    async with serving(say) as server:
        got = await send(http, Wire("GET", server.origin))
        n = 0
        async for chunk in got.chunks():
            if not n:
                await asyncio.sleep(0.5)
            n += len(chunk)

        assert n == 4 << 20


async def test_headers_in_any_bytes_are_read(http: HttpTransport) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(
            b"HTTP/1.1 200 \xff\xfe\r\nContent-Length: 0\r\nX-Latin: caf\xe9\r\nX-Utf: caf\xc3\xa9\r\nX-Odd: \xff\x01\r\n\r\n"
        )

    async with serving(say) as server:
        got = await send(http, Wire("GET", server.origin))

        assert (got.headers["x-latin"], got.headers["x-utf"]) == ("café", "café")
        await read(got)


async def test_a_kept_connection_is_used_again(http: HttpTransport) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(answer(b"x" * 1000))

    async with serving(say) as server:
        for _ in range(5):
            await read(await send(http, Wire("POST", server.origin, {}, b"a")))

        assert server.connections == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
async def test_a_kept_connection_that_breaks_under_the_request_is_no_answer(http: HttpTransport, method: str) -> None:
    """aiohttp would send a PUT or GET again by itself: a second job."""

    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        if len(server.asked) == 1:
            w.write(answer())
        elif method == "PUT":
            w.close()
        else:
            reset(w)

    async with serving(say) as server:
        await read(await send(http, Wire("GET", server.origin)))

        with pytest.raises(NoAnswer):
            await send(http, Wire(method, server.origin))

        assert [a.connection for a in server.asked] == [0, 0]


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_kept_connection_that_was_closed_meanwhile_is_not_written_to(http: HttpTransport, method: str) -> None:
    """The close has reached the kernel, the loop has not read it: the request goes out once, on a fresh connection."""

    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(answer())

    async with serving(say) as server:
        await read(await send(http, Wire(method, server.origin)))
        pool = http._session().connector
        assert pool is not None
        kept = next(iter(pool._conns.values()))[0][0].transport
        assert kept is not None
        kept.pause_reading()  # as if the loop had been busy
        ends = list(server._tasks)
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
        await asyncio.sleep(0.05)

        got = await send(http, Wire(method, server.origin))

        assert got.code == 200 and await read(got) == b""
        assert [a.connection for a in server.asked] == [0, 1]


async def test_a_server_that_hangs_up_on_everybody_is_not_sent_or_no_answer_never_twice(http: HttpTransport) -> None:
    heads = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        heads.append(await reader.read(100))

    listener = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    with pytest.raises((NotSent, NoAnswer)):
        await send(http, Wire("POST", f"http://127.0.0.1:{port}/"))
    listener.close()
    await listener.wait_closed()

    assert sum(bool(h) for h in heads) <= 1


async def test_a_closed_answer_gives_its_connection_back() -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(answer(b"x" * (1 << 20)))

    http = HttpTransport(SystemClock(), allow_private=True, per_host=1)
    async with serving(say) as server:
        for _ in range(3):
            got = await send(http, Wire("GET", server.origin), timeout=2.0)
            await got.close()
            await got.close()
        async for _ in (await send(http, Wire("GET", server.origin), timeout=2.0)).chunks():
            pass
    await http.close()
    await http.close()


async def test_no_cookie_is_kept(http: HttpTransport) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(answer(b"", 200, "Set-Cookie: a=b; Path=/"))

    async with serving(say) as server:
        for _ in range(2):  # by name: jars take none from an address
            await read(await send(http, Wire("GET", f"http://localhost:{server.port}/")))

        assert "cookie" not in server.asked[1].headers
