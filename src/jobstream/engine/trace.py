"""A wire as people may see it."""

from __future__ import annotations

from jobstream.kinds import Wire
from jobstream.redact import Redactor


def shown(r: Redactor, wire: Wire, secret_url: bool) -> tuple[str, dict[str, str], str]:
    return r.url(wire.url, secret_url), r.headers(wire.headers), r.body(wire.body)
