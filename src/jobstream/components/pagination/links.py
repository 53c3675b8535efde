"""The `Link` header (RFC 8288)."""

from __future__ import annotations

import re
from urllib.parse import urljoin

_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[^\s=;,"]+\s*(?:=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;]*))?)*)')
_PARAMETER = re.compile(r';\s*([^\s=;,"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?')


def links(header: str, base: str) -> dict[str, dict[str, str]]:
    """By relation, in lower case: `{"next": {"url": "https://...", "rel": "next"}}`. URLs are absolute; the first of a relation counts."""
    out: dict[str, dict[str, str]] = {}
    for m in _LINK.finditer(header):
        said = {"url": urljoin(base, m[1].strip())}
        for p in _PARAMETER.finditer(m[2]):
            said.setdefault(p[1].lower(), p[2] or p[3] or "")
        for rel in said.get("rel", "").lower().split():
            out.setdefault(rel, said)
    return out
