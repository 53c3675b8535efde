"""The URL of a requester: url, url_base and path joined as Airbyte joins them; and whose host it is."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from jobstream.dialects.airbyte.context import Context
from jobstream.dialects.airbyte.places import Node
from jobstream.dialects.airbyte.texts import Unknown, is_template
from jobstream.plan.notes import Json
from jobstream.template.language import TemplateFault

_ABSOLUTE = re.compile(r"https?://", re.IGNORECASE)
_PIECE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|.", re.DOTALL)
_LINKS = frozenset(("download_target", "polling_response", "creation_response"))
_NEXT = "next_page_token['next_page_token']"
_MAYBE = "{% set path %}"


class Url(NamedTuple):
    """host: where credentials may go, '' where it is not known · is_open: only an answer tells the host · is_link: likewise,
    and the URL is one that expires."""

    text: str
    at: str
    host: str = ""
    is_open: bool = False
    is_link: bool = False


def url_of(c: Context, node: Node, *, token: bool = False) -> Url:
    """token: the page token takes the place of the path (RequestPath)."""
    text, at = _joined(c, node)
    if not text:
        c.faults.tell("missing_field", f"{node.at}/url", "", "url is needed, or url_base and path")
    base = c.text(node, "url_base") or c.text(node, "url")
    may_replace = text.startswith(_MAYBE)
    head = _head(base if may_replace else text)
    leads = _head(text[len(_MAYBE) : text.index("{% endset %}")]) if may_replace else head
    names = c.uses(leads)
    if token:
        text = _paged(text, base)
    links = bool(names & _LINKS)
    known = _known(c, head)
    if known or may_replace:
        return Url(text, at, known, links, links)
    is_open = bool(names - {"config"})
    later = head if names and not is_open and c.texts.config is None else ""
    return Url(text, at, later, is_open, links)


def _joined(c: Context, node: Node) -> tuple[str, str]:
    url, base, path = c.text(node, "url"), c.text(node, "url_base"), c.text(node, "path")
    if base:
        return join(c, base, path), node.place("path" if path else "url_base")
    if path and url:
        return join(c, url, path), node.place("path")
    return (url, node.place("url")) if url else (path, node.place("path"))


def join(c: Context, base: str, path: str) -> str:
    """An absolute path replaces the base. Where only the run can tell, the template tells."""
    if not path:
        return base
    if _ABSOLUTE.match(path):
        return path
    relative = f"{base.rstrip('/')}/{path.lstrip('/')}"
    if not path.startswith(("{{", "{%")) or (c.uses(_head(path)) <= {"config"} and _is_relative(c, path)):
        return relative
    text = _MAYBE + path + "{% endset %}"
    return text + "{% if '://' in path %}{{ path }}{% else %}" + base.rstrip("/") + "/{{ path.lstrip('/') }}{% endif %}"


def _is_relative(c: Context, path: str) -> bool:
    known = _rendered(c, _head(path))
    return isinstance(known, str) and "://" not in known


def _paged(text: str, base: str) -> str:
    """The next page's URL as the API gave it: whole, from the root of the host, or under the base."""
    scheme = _ABSOLUTE.match(base)
    root = scheme[0] + _head(base[scheme.end() :]) if scheme else _head(base)
    return (
        "{% set link = " + _NEXT + " ~ '' if next_page_token else '' %}{% if not link %}" + text +
        "{% elif '://' in link %}{{ link }}{% elif link.startswith('/') %}" + root + "{{ link }}"
        "{% else %}" + base.rstrip("/") + "/{{ link }}{% endif %}"
    )  # fmt: skip


def _head(text: str) -> str:
    """Up to the first slash of the path, templates taken whole: `https://{{ config.host }}:8080`."""
    scheme = _ABSOLUTE.match(text)
    start = scheme.end() if scheme else 0
    out = ""
    for piece in _PIECE.findall(text[start:]):
        if piece in "/?#":
            break
        out += piece
    return (scheme[0] if scheme else "") + out


def _known(c: Context, head: str) -> str:
    """The host by name, where text or config tells it."""
    got = _rendered(c, head)
    if not isinstance(got, str) or not got:
        return ""
    try:
        return urlsplit(got if "://" in got else f"https://{got}").hostname or ""
    except ValueError:
        return ""


def _rendered(c: Context, text: str) -> Json | Unknown:
    if not is_template(text):
        return text
    if not c.uses(text) <= {"config"}:
        return ""
    try:
        return c.texts.fixed(text)
    except TemplateFault:
        return ""
