"""A request of the plan and a scope -> what goes over the wire. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import msgspec

from jobstream.kinds import Wire
from jobstream.plan.exchange import Body, Name, Request
from jobstream.plan.notes import Json
from jobstream.template.language import Language, Scope, TemplateFault, spell

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # of a header, RFC 9110
_VALUE = re.compile(r"[^\r\n\0]*")


class RenderFault(Exception):
    def __init__(self, at: str, why: str) -> None:
        super().__init__(why)
        self.at, self.why = at, why


def render(request: Request, scope: Scope, language: Language) -> Wire:
    """Pure. Raises RenderFault with the pointer of the template that failed."""

    def value(at: str, v: Json) -> Json:
        try:
            match v:
                case Name():
                    return scope.look(v.name)
                case {"is": "name", "name": str() as name}:
                    return scope.look(name)
                case str():
                    return language.value(v, scope)
                case dict():
                    return {k: value(f"{at}/{k}", x) for k, x in v.items()}
                case list():
                    return [value(f"{at}/{i}", x) for i, x in enumerate(v)]
                case _:
                    return v
        except TemplateFault as e:
            raise RenderFault(at, str(e)) from e

    def kept(at: str, fields: Mapping[str, str | Name]) -> dict[str, str]:
        got = {k: value(f"{at}/{k}", v) for k, v in fields.items()}
        return {k: spell(v) for k, v in got.items() if not (request.drop_empty and v in (None, ""))}

    try:
        url = language.text(request.url, scope, url=True)
    except TemplateFault as e:
        raise RenderFault("/request/url", str(e)) from e
    query, headers = kept("/request/query", request.query), kept("/request/headers", request.headers)
    if query:
        url += ("&" if "?" in url else "?") + urlencode(query)
    body = b""
    if request.body is not None:
        media, body = _encoded(request.body, value("/request/body/value", request.body.value))
        headers.setdefault("Content-Type", media)
    return Wire(request.method, url, headers, body)


def sendable(wire: Wire) -> None:
    """Raises RenderFault for what no server could ever be asked, however often it is tried."""
    try:
        parts = urlsplit(wire.url.strip())
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise RenderFault("/request/url", f"{wire.url.partition('?')[0]!r} is no http address")
    for name, value in wire.headers.items():
        if not _NAME.fullmatch(name):
            raise RenderFault("/request/headers", f"{name!r} is no name of a header")
        if not _VALUE.fullmatch(value):
            raise RenderFault(f"/request/headers/{name}", f"the value of the header {name} has line ends or NUL bytes in it")


def _encoded(body: Body, value: Json) -> tuple[str, bytes]:
    match body.form:
        case "json":
            return "application/json", msgspec.json.encode(value)
        case "form":
            return "application/x-www-form-urlencoded", urlencode({k: spell(v) for k, v in value.items()}).encode()
        case "text":
            return "text/plain", spell(value).encode()
        case "multipart":
            return _multipart({k: spell(v).encode() for k, v in value.items()})


def _multipart(fields: Mapping[str, bytes]) -> tuple[str, bytes]:
    """The boundary is a hash of what it bounds: the same body in every run."""
    mark = hashlib.blake2b(b"\0".join(fields.values()), digest_size=16).hexdigest()
    head = '--{}\r\nContent-Disposition: form-data; name="{}"\r\n\r\n'
    parts = [head.format(mark, name.replace('"', "%22")).encode() + value + b"\r\n" for name, value in fields.items()]
    return f"multipart/form-data; boundary={mark}", b"".join(parts) + f"--{mark}--\r\n".encode()
