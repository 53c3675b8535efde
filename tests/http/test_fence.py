"""Addresses that may not be asked, however they are spelled."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from jobstream.clock import SystemClock
from jobstream.http.fence import METADATA, Fence
from jobstream.http.transport import HttpTransport
from jobstream.kinds import Wire
from jobstream.ports import NotSent
from raw_server import Asked, RawServer, answer, serving


class Names(AbstractResolver):
    """Each look-up of a name gives its next address; the last one stays."""

    def __init__(self, **names: list[str]) -> None:
        self.names, self.asked = names, 0

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        self.asked += 1
        known = self.names[host.partition(".")[0]]
        address = known.pop(0) if len(known) > 1 else known[0]
        return [ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        if asked.target.startswith("/to/"):
            w.write(answer(b"", 302, f"Location: http://{asked.target[4:]}"))
        else:
            w.write(answer(b"reached"))

    async with serving(say) as server:
        yield server


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "①②⑦.0.0.1", "[::1]", "[::ffff:7f00:1]",
                                  "①②⑦。0。0。1", "LOCALHOST.", "home.test", "me:pw@127.0.0.1"])  # fmt: skip
async def test_this_machine_is_not_asked(server: RawServer, host: str) -> None:
    names = Names(home=["127.0.0.1"], localhost=["127.0.0.1"], LOCALHOST=["127.0.0.1"])
    http = HttpTransport(SystemClock(), resolver=names)

    with pytest.raises(NotSent):
        await http.send(Wire("GET", f"http://{host}:{server.port}/"), timeout=5.0, follow=True, budget="")

    assert not server.asked and not server.connections
    await http.close()


async def test_the_reason_is_told() -> None:
    http = HttpTransport(SystemClock())

    with pytest.raises(NotSent, match=r"http://127\.0\.0\.1:1: no connection: address 127\.0\.0\.1 is not allowed"):
        await http.send(Wire("GET", "http://127.0.0.1:1/"), timeout=5.0, follow=True, budget="")

    await http.close()


@pytest.mark.parametrize("to", ["127.0.0.2", "home.test", "[::ffff:127.0.0.2]"])
async def test_a_redirect_to_a_forbidden_address_is_not_followed(server: RawServer, to: str) -> None:
    http = HttpTransport(SystemClock(), origins={"http://api.x.com": server.origin}, resolver=Names(home=["127.0.0.2"]))

    with pytest.raises(NotSent, match=r"127\.0\.0\.2 is not allowed"):
        await http.send(Wire("GET", f"http://api.x.com/to/{to}:{server.port}/"), timeout=5.0, follow=True, budget="")

    assert len(server.asked) == 1
    await http.close()


async def test_a_name_that_changes_its_address_is_caught_at_the_second_connection(server: RawServer) -> None:
    """The first address is allowed (it is the end of an origin map), the second is not."""
    names = Names(turn=["127.0.0.1", "127.0.0.2"])
    http = HttpTransport(SystemClock(), origins={"http://a.x.com": server.origin}, resolver=names, keep_alive=0.0)
    wire = Wire("GET", f"http://turn.test:{server.port}/")

    got = await http.send(wire, timeout=5.0, follow=True, budget="")
    assert [c async for c in got.chunks()] == [b"reached"]
    pool = http._session().connector
    assert isinstance(pool, TCPConnector)
    pool.clear_dns_cache()
    with pytest.raises(NotSent, match=r"127\.0\.0\.2 is not allowed"):
        await http.send(wire, timeout=5.0, follow=True, budget="")

    assert (len(server.asked), names.asked) == (1, 2)
    await http.close()


async def test_the_person_may_allow_it(server: RawServer) -> None:
    http = HttpTransport(SystemClock(), allow_private=True)

    got = await http.send(Wire("GET", server.origin), timeout=5.0, follow=True, budget="")

    assert [c async for c in got.chunks()] == [b"reached"]
    await http.close()


@pytest.mark.parametrize("address", [*sorted(METADATA), "::ffff:169.254.169.254", "::ffff:168.63.129.16"])
def test_the_machines_own_credentials_are_never_asked_for(address: str) -> None:
    assert not Fence(allow_private=True).permits(address, 80)
    assert not Fence(allow_private=False).permits(address, 80)


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "0.0.0.0", "169.254.1.1", "224.0.0.1",
                                     "255.255.255.255", "192.0.0.192", "fe80::1%1", "fc00::1", "fec0::1", "::", "64:ff9b::7f00:1",
                                     "2002:7f00:1::", "::127.0.0.1", "192.88.99.1", "::ffff:10.0.0.1"])  # fmt: skip
def test_private_and_reserved_networks(address: str) -> None:
    assert not Fence(allow_private=False).permits(address, 443)
    assert Fence(allow_private=True).permits(address, 443)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_the_open_net(address: str) -> None:
    assert Fence(allow_private=False).permits(address, 443)


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    async def run() -> bytes:
        async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
            w.write(answer(b"direct"))

        http = HttpTransport(SystemClock(), allow_private=True)
        async with serving(say) as server:
            got = await http.send(Wire("GET", server.origin), timeout=5.0, follow=False, budget="")
            body = b"".join([c async for c in got.chunks()])
        await http.close()
        return body

    assert asyncio.run(run()) == b"direct"
