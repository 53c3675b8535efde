"""Addresses in the document's own words, and where an origin map sends them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from jobstream.errors import UsageError

_PORTS = {"http": 80, "https": 443}
_UNSENDABLE = re.compile(r"[^\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]|%(?![0-9A-Fa-f]{2})")

#: An address as most are: nothing about it needs to be spelled anew. Polls come by the thousand.
_USUAL = re.compile(
    r"(https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::(?!80/|443/)(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}))?)"
    r"(?:/(?:[!$&-;=?-Z\[\]_a-z~]|%[0-9A-Fa-f]{2})*)"
)


def spelled(url: str) -> str:
    """The same address, fit for a request line. What may stand there stays as it is: a signature covers the spelling.

    Raises ValueError for what is no http address."""
    if _USUAL.fullmatch(url):
        return url
    url = _UNSENDABLE.sub(lambda m: "".join(f"%{b:02X}" for b in m[0].encode("utf-8", "surrogatepass")), _named(url.strip()))
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or "%" in parts.hostname or parts.port == 0:
        raise ValueError("not an http address")
    return parts._replace(path=parts.path or "/", fragment="").geturl()


def _named(url: str) -> str:
    """Hosts in other scripts are spelled as DNS has them; digits in circles become digits."""
    if url.isascii():
        return url
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host.isascii():
        return url
    user, at, end = parts.netloc.rpartition("@")
    return parts._replace(netloc=user + at + end.lower().replace(host, host.encode("idna").decode())).geturl()


def origin_of(url: str) -> str:
    """`scheme://host[:port]`, lower case, without the port that goes without saying."""
    if usual := _USUAL.match(url):
        return usual[1]
    return _origin(urlsplit(url))


def _origin(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def parse_origin(text: str) -> tuple[str, str]:
    """`https://api.x.com=http://127.0.0.1:9000` as (original, mapped). Raises UsageError."""
    hint = "for example https://api.example.com=http://127.0.0.1:9000"
    original, equals, mapped = text.partition("=")
    if not equals:
        raise UsageError("an origin map is two origins with = between them", where=text, hint=hint)
    return _whole(original.strip(), text, hint), _whole(mapped.strip(), text, hint)


def _whole(origin: str, text: str, hint: str) -> str:
    try:
        parts = urlsplit(origin)
        name = _origin(parts)
    except ValueError as e:
        raise UsageError(f"{origin!r} is not an origin: {e}", where=text, hint=hint) from e
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UsageError(f"{origin!r} is not an origin: http:// or https:// and a host", where=text, hint=hint)
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise UsageError(f"{origin!r} is more than an origin: scheme, host and port only", where=text, hint=hint)
    return name


class Origins:
    """What is asked of one origin goes to another; what is shown and kept names the original.

    pairs  original -> mapped, each `scheme://host[:port]`
    """

    def __init__(self, pairs: Mapping[str, str] | None = None) -> None:
        self._there = {origin_of(a): origin_of(b) for a, b in (pairs or {}).items()}
        self._back: dict[str, list[str]] = {}
        for a, b in self._there.items():
            self._back.setdefault(b, []).append(a)

    def mapped(self, url: str) -> str:
        """Where it really goes; empty: where it says."""
        there = self._there.get(origin_of(url)) if self._there else None
        return "" if there is None else _moved(url, there)

    def original(self, url: str, beside: str = "") -> str:
        """A server behind the map names itself in its links: undone. Where it stands for several, it is the one of `beside`."""
        behind = self._back.get(origin_of(url)) if self._back else None
        if not behind or origin_of(url) in self._there:
            return url
        near = origin_of(beside) if beside else ""
        return _moved(url, near if near in behind else behind[0])

    @property
    def ends(self) -> frozenset[tuple[str, int]]:
        """(address, port) of those mapped origins that are written as addresses, or as localhost."""
        named = set[tuple[str, int]]()
        for parts in map(urlsplit, self._back):
            host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
            named |= {(h, port) for h in (("127.0.0.1", "::1") if host == "localhost" else (host,))}
        return frozenset(named)


def _moved(url: str, origin: str) -> str:
    if usual := _USUAL.match(url):
        return origin + url[usual.end(1) :]
    to = urlsplit(origin)
    return urlsplit(url)._replace(scheme=to.scheme, netloc=to.netloc).geturl()
