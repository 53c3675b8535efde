"""One request on its way: where redirects lead it, what it may take along, and whether it may have been carried out."""

from __future__ import annotations

import re
from base64 import b64encode
from urllib.parse import unquote, urljoin, urlsplit

from jobstream.http.origins import Origins, origin_of, spelled
from jobstream.kinds import Wire
from jobstream.ports import NoAnswer, NotSent

MOVED = frozenset((301, 302, 303, 307, 308))
MOST = 10  # redirects in a row
_SECRET = frozenset(("authorization", "cookie", "proxy-authorization"))
_FRAMING = frozenset(("content-length", "transfer-encoding"))  # ours: they follow from the body that is sent
_OF_BODY = frozenset(("content-type", "content-encoding", "content-language", "content-location", "content-md5", "digest"))
_BREAK = re.compile("[\r\n\0]")


class Trip:
    """url: in the document's own words · via: where the origin map sends it, else empty

    left     the first byte may be on the wire, and no answer has come to it
    perhaps  an answer said `see there`: carried out, whatever becomes of the rest
    """

    def __init__(self, wire: Wire, origins: Origins, agent: str) -> None:
        """Raises NotSent for what no server could be asked."""
        self._origins, self.method, self.body = origins, wire.method.upper(), wire.body
        self.left = self.perhaps = False
        self._secret = _SECRET | {name.lower() for name in wire.credentials}
        self.headers = {k: v for k, v in wire.headers.items() if k.lower() not in _FRAMING}
        self._fill(agent)
        try:
            self.url, self.via = self._place(wire.url)
        except ValueError as e:
            raise NotSent(f"{wire.url.split('?')[0]!r}: {e}") from e
        self._seen = {(self.method, self.url)}

    def lost(self, why: str) -> NotSent | NoAnswer:
        """The one place that tells the two apart."""
        return (NoAnswer if self.left or self.perhaps else NotSent)(f"{origin_of(self.url)}: {why}")

    def go(self, code: int, location: str) -> None:
        """Obeys a redirect. Raises NotSent or NoAnswer where it leads nowhere.

        301 and 302 turn a POST, 303 anything but HEAD, into a GET without a body; 307 and 308 change nothing (RFC 9110,
        15.4). Another origin gets no credentials, and they do not come back."""
        self.left = False
        if (code == 303 and self.method != "HEAD") or (code in (301, 302) and self.method == "POST"):
            self.perhaps, self.method, self.body = True, "GET", b""
            self._without(_OF_BODY)
        before = self.url
        try:
            self.url, self.via = self._place(urljoin(before, location), before)
        except ValueError as e:
            raise self.lost("redirects to what is not an http address") from e
        if origin_of(self.url) != origin_of(before):
            self._without(self._secret)
        if (self.method, self.url) in self._seen:
            raise self.lost("redirects in a circle")
        if len(self._seen) > MOST:
            raise self.lost(f"redirects more than {MOST} times")
        self._seen.add((self.method, self.url))

    def _place(self, url: str, beside: str = "") -> tuple[str, str]:
        url = self._origins.original(spelled(url), beside)
        if "@" in url and "@" in (parts := urlsplit(url)).netloc:
            user, _, host = parts.netloc.rpartition("@")
            if not beside:
                self._add("Authorization", "Basic " + b64encode(unquote(user).encode()).decode())
            url = parts._replace(netloc=host).geturl()
        return url, self._origins.mapped(url)

    def _fill(self, agent: str) -> None:
        for name, value in self.headers.items():
            if _BREAK.search(name) or _BREAK.search(value):
                raise NotSent(f"header {name!r} holds a line break")
            if not name.isascii() or not (value.isascii() or _encodes(value)):
                raise NotSent(f"header {name!r} cannot be written in UTF-8")
        self._add("User-Agent", agent)
        # gzip alone: whoever reads a body knows it by its first bytes, which deflate does not have
        self._add("Accept-Encoding", "gzip")

    def _add(self, name: str, value: str) -> None:
        if name not in self.headers and name.lower() not in map(str.lower, self.headers):
            self.headers[name] = value

    def _without(self, names: frozenset[str]) -> None:
        self.headers = {k: v for k, v in self.headers.items() if k.lower() not in names}


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
