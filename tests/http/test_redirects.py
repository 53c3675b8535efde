"""Redirects over real sockets: who gets what, under which name, and what a dead end means for a create."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobstream.clock import SystemClock
from jobstream.http.transport import HttpTransport, Received
from jobstream.kinds import Wire
from jobstream.ports import NoAnswer, NotSent
from raw_server import Asked, RawServer, Say, answer, serving

SECRETS = {"Authorization": "Bearer x", "X-Api-Key": "k", "Cookie": "a=b", "Proxy-Authorization": "p"}


@pytest.fixture
async def http() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(SystemClock(), allow_private=True)
    yield transport
    await transport.close()


async def go(http: HttpTransport, wire: Wire, follow: bool = True) -> tuple[Received, bytes]:
    got = await http.send(wire, timeout=10.0, follow=follow, budget="")
    return got, b"".join([c async for c in got.chunks()])


def site(**to: str) -> Say:
    """/name -> (code, location) as `308 /elsewhere`; anything else is the end."""

    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        told = to.get(asked.target.strip("/").partition("?")[0])
        if told is None:
            w.write(answer(b"end"))
        else:
            code, location = told.split(" ", 1)
            w.write(answer(b"moved", int(code), f"Location: {location}"))

    return say


def lines(server: RawServer) -> list[str]:
    return [f"{a.method} {a.target} {a.body.decode()}".strip() for a in server.asked]


@pytest.mark.parametrize(
    ("method", "code", "then"),
    [("POST", 301, "GET"), ("POST", 302, "GET"), ("POST", 303, "GET"), ("POST", 307, "POST"), ("POST", 308, "POST"),
     ("PUT", 301, "PUT"), ("PUT", 303, "GET"), ("DELETE", 302, "DELETE"), ("GET", 302, "GET"), ("PATCH", 307, "PATCH")],
)  # fmt: skip
async def test_the_method_after_a_redirect(http: HttpTransport, method: str, code: int, then: str) -> None:
    async with serving(site(a=f"{code} /b?x=1")) as server:
        wire = Wire(method, f"{server.origin}/a", {"Content-Type": "text/plain", "X-Key": "kept"}, b"body" * (method != "GET"))

        got, body = await go(http, wire)

        assert (got.code, got.url, body) == (200, f"{server.origin}/b?x=1", b"end")
        kept = then == method and method != "GET"
        assert lines(server)[1] == f"{then} /b?x=1 {'body' if kept else ''}".strip()
        assert server.asked[1].headers["x-key"] == "kept"
        assert ("content-type" in server.asked[1].headers) == (then == method)


async def test_head_stays_head(http: HttpTransport) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(b"HTTP/1.1 303 X\r\nContent-Length: 5\r\nLocation: /b\r\n\r\n" if asked.target == "/a" else answer())

    async with serving(say) as server:
        await go(http, Wire("HEAD", f"{server.origin}/a"))

        assert lines(server) == ["HEAD /a", "HEAD /b"]


async def test_a_redirect_that_is_not_to_be_followed_is_the_answer(http: HttpTransport) -> None:
    async with serving(site(a="302 /b")) as server:
        got, body = await go(http, Wire("GET", f"{server.origin}/a"), follow=False)

        assert (got.code, got.headers["location"], body) == (302, "/b", b"moved")


async def test_a_redirect_without_a_place_is_the_answer(http: HttpTransport) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        w.write(answer(b"", 302))

    async with serving(say) as server:
        assert (await go(http, Wire("GET", server.origin)))[0].code == 302


@pytest.mark.seed("B43")
async def test_credentials_stay_at_home(http: HttpTransport) -> None:
    """Home, another port, and home again: once dropped they do not come back."""
    async with (
        serving(site()) as end,
        serving(site(b=f"307 {end.origin}/c")) as other,
        serving(site(a="307 /aa", aa=f"307 {other.origin}/b")) as home,
    ):
        wire = Wire("POST", f"{home.origin}/a", {**SECRETS, "X-Plain": "1"}, b"q", ("X-API-KEY",))

        await go(http, wire)

        names = {k.lower() for k in SECRETS}
        assert [names <= a.headers.keys() for a in home.asked] == [True, True]
        assert [names & a.headers.keys() for a in other.asked + end.asked] == [set(), set()]
        assert [a.headers["x-plain"] for a in other.asked + end.asked] == ["1", "1"]
        assert [a.body for a in end.asked] == [b"q"]


async def test_credentials_that_come_home_are_still_dropped(http: HttpTransport) -> None:
    async with serving(site()) as home, serving(site(b=f"302 {home.origin}/c")) as other:
        wire = Wire("GET", f"{other.origin}/b", SECRETS)

        await go(http, wire)

        assert "authorization" in other.asked[0].headers and "authorization" not in home.asked[0].headers


async def test_a_name_and_password_in_the_address_become_a_header_and_no_address(http: HttpTransport) -> None:
    async with serving(site()) as other, serving(site(a=f"302 {other.origin}/b")) as home:
        got, _ = await go(http, Wire("GET", home.origin.replace("//", "//me:p%40ss@") + "/a"))

        assert home.asked[0].headers["authorization"] == "Basic bWU6cEBzcw=="
        assert "authorization" not in other.asked[0].headers and got.url == f"{other.origin}/b"


async def test_from_https_to_http_no_credentials(tmp_path: Path) -> None:
    server_side, client_side = certificate(tmp_path)
    http = HttpTransport(SystemClock(), allow_private=True, tls=client_side)
    async with serving(site()) as plain, serving(site(a=f"302 {plain.origin}/b"), tls=server_side) as safe:
        await go(http, Wire("GET", f"{safe.origin}/a", SECRETS))

        assert "authorization" in safe.asked[0].headers
        assert not {"authorization", "cookie"} & plain.asked[0].headers.keys()
    await http.close()


async def test_a_certificate_that_nobody_vouches_for_is_not_sent(http: HttpTransport, tmp_path: Path) -> None:
    async with serving(site(), tls=certificate(tmp_path)[0]) as server:
        with pytest.raises(NotSent, match="certificate is refused: self"):
            await go(http, Wire("POST", server.origin))

        assert not server.asked


async def test_a_kept_connection_is_used_again_over_tls(tmp_path: Path) -> None:
    server_side, client_side = certificate(tmp_path)
    http = HttpTransport(SystemClock(), allow_private=True, tls=client_side)
    async with serving(site(), tls=server_side) as server:
        for _ in range(4):
            assert (await go(http, Wire("POST", server.origin, {}, b"x")))[1] == b"end"

        assert server.connections == 1
    await http.close()


async def test_circles_end(http: HttpTransport) -> None:
    async with serving(site(a="307 /b", b="307 /a")) as server:
        with pytest.raises(NotSent, match="circle"):
            await go(http, Wire("POST", f"{server.origin}/a", {}, b"x"))

        assert lines(server) == ["POST /a x", "POST /b x"]


async def test_ten_redirects_and_no_more(http: HttpTransport) -> None:
    async with serving(site(**{f"p{i}": f"302 /p{i + 1}" for i in range(10)})) as server:
        assert (await go(http, Wire("GET", f"{server.origin}/p0")))[1] == b"end"

    async with serving(site(**{f"p{i}": f"302 /p{i + 1}" for i in range(11)})) as server:
        with pytest.raises(NotSent, match="more than 10 times"):
            await go(http, Wire("GET", f"{server.origin}/p0"))


@pytest.mark.parametrize(
    ("code", "raised"), [(307, NotSent), (308, NotSent), (301, NoAnswer), (302, NoAnswer), (303, NoAnswer)]
)
@pytest.mark.parametrize("end", ["http://127.0.0.1:1/", "ftp://x/", "http://", "/again"])
async def test_a_create_that_is_led_astray(http: HttpTransport, code: int, raised: type[Exception], end: str) -> None:
    """307 says that nothing was done here; 303 that it was."""
    async with serving(site(a=f"{code} {end}", again=f"{code} /again")) as server:
        with pytest.raises(raised):
            await go(http, Wire("POST", f"{server.origin}/a", {}, b"x"))


async def test_a_create_whose_second_half_is_lost_is_no_answer(http: HttpTransport) -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        if asked.target == "/a":
            w.write(answer(b"", 307, "Location: /b"))
        else:
            w.close()

    async with serving(say) as server:
        with pytest.raises(NoAnswer):
            await go(http, Wire("POST", f"{server.origin}/a"))

        assert len(server.asked) == 2


# -- an origin map


async def test_a_map_is_seen_by_nobody_but_the_wire(http: HttpTransport) -> None:
    async with serving(site(a="302 /b?c=d")) as server:
        mapped = HttpTransport(SystemClock(), origins={"https://API.x.com:443": server.origin})

        got, _ = await go(mapped, Wire("GET", "https://api.x.com/a", {"Authorization": "Bearer x"}))

        assert (got.url, got.via) == ("https://api.x.com/b?c=d", f"{server.origin}/b?c=d")
        assert [a.headers["authorization"] for a in server.asked] == ["Bearer x"] * 2
        assert server.asked[0].headers["host"] == f"127.0.0.1:{server.port}"
        await mapped.close()


async def test_a_mapped_server_that_names_itself_is_still_at_home() -> None:
    """It knows itself under its real address only, in redirects and in links."""

    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        own = f"http://{asked.headers['host']}/b"
        w.write(answer(b"", 302, f"Location: {own}") if asked.target == "/a" else answer())

    async with serving(say) as server:
        http = HttpTransport(SystemClock(), origins={"https://api.x.com": server.origin})

        got, _ = await go(http, Wire("GET", "https://api.x.com/a", {"Authorization": "Bearer x"}))
        link, _ = await go(http, Wire("GET", f"{server.origin}/files/1"))

        assert (got.url, got.via) == ("https://api.x.com/b", f"{server.origin}/b")
        assert server.asked[1].headers["authorization"] == "Bearer x"
        assert (link.url, link.via) == ("https://api.x.com/files/1", f"{server.origin}/files/1")
        await http.close()


async def test_two_mapped_origins_are_two_hosts() -> None:
    async with serving(site()) as files, serving(site(a="302 https://files.x.com/f")) as api:
        http = HttpTransport(SystemClock(), origins={"https://api.x.com": api.origin, "https://files.x.com": files.origin})

        got, _ = await go(http, Wire("GET", "https://api.x.com/a", SECRETS))

        assert (got.url, got.via) == ("https://files.x.com/f", f"{files.origin}/f")
        assert "authorization" not in files.asked[0].headers
        await http.close()


async def test_two_origins_on_one_server_are_told_apart_by_where_we_come_from() -> None:
    async def say(asked: Asked, w: asyncio.StreamWriter) -> None:
        own = f"http://{asked.headers['host']}/b"
        w.write(answer(b"", 302, f"Location: {own}") if asked.target == "/a" else answer())

    async with serving(say) as server:
        http = HttpTransport(SystemClock(), origins={"https://one.x.com": server.origin, "https://two.x.com": server.origin})

        assert (await go(http, Wire("GET", "https://two.x.com/a")))[0].url == "https://two.x.com/b"
        await http.close()


async def test_what_is_not_mapped_has_no_via(http: HttpTransport) -> None:
    async with serving(site()) as server:
        assert (await go(http, Wire("GET", server.origin)))[0].via == ""


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For 127.0.0.1, signed by itself: (server's, a client's that trusts it)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = folder / "pem"
    pem.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())
