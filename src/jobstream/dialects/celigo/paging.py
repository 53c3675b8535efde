"""Paging of an export: a paginator, and where its token goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from jobstream.dialects.celigo.document import Node
from jobstream.dialects.celigo.paths import at, one_of
from jobstream.dialects.celigo.tables import PAGING
from jobstream.plan.component import Component
from jobstream.plan.exchange import Rule, When
from jobstream.template.handlebars import JSON, URL

Join: TypeAlias = Callable[[str], str]
_TOKEN = "{{{page.token}}}"


class Paging(NamedTuple):
    """next: what takes the place of the URL or of the body from the second page on."""

    pages: Component
    rules: tuple[Rule, ...] = ()
    next_url: str = ""
    next_body: str = ""

    def url(self, first: str) -> str:
        return _later(self.next_url, first) if self.next_url else first

    def body(self, first: str) -> str:
        return _later(self.next_body, first) if self.next_body else first


def _later(next: str, first: str) -> str:
    return f"{{{{#if page.token}}}}{next}{{{{else}}}}{first}{{{{/if}}}}"


def paging_of(http: Node, join: Join) -> Paging | None:
    """join: a relative URI to the whole URL."""
    paging = http.node("paging")
    if not paging.raw:
        return None
    paging.only(PAGING)
    method = paging.text("method")
    make = _METHODS.get(method)
    if make is None:
        paging.doc.tell("wrong_value", paging.place("method"), method, "known: " + ", ".join(sorted(_METHODS)))
        return None
    return make(paging, http, join)._replace(rules=(Rule(then="skipped", when=When(codes=(_last_code(paging),))),))


def _last_code(paging: Node) -> str:
    return str(int(paging.number("lastPageStatusCode", 404)))


def _stop(paging: Node) -> str:
    """No record, or one of the values that mark the last page."""
    path, values = paging.text("lastPagePath"), paging.texts("lastPageValues")
    marks = f"(or (not last_record) {one_of(at('answer.body', path), values)})" if path and values else "(not last_record)"
    return "{{" + marks[1:-1] + "}}"


def _made(paging: Node, name: str, options: dict[str, object], option: str = "", field: str = "") -> Component:
    """field: where in the document the option stands."""
    return paging.doc.made(Component("paginator", name, options), paging, **({option: field} if option else {}))


def _numbered(paging: Node, http: Node, join: Join) -> Paging:
    start = int(paging.number("page", 0))
    _unheard(paging)
    _placed(paging, http, "export.http.paging.page")
    return Paging(_made(paging, "page", {"start": start, "first_asked": True}, "start", "page"))


def _skipping(paging: Node, http: Node, join: Join) -> Paging:
    if paging.number("skip", 0):
        paging.doc.tell(
            "ignored", paging.place("skip"), str(paging.raw["skip"]), "the first page is asked for with 0", grave=False
        )
    _unheard(paging)
    _placed(paging, http, "export.http.paging.skip")
    return Paging(_made(paging, "offset", {"first_asked": True}))


def _unheard(paging: Node) -> None:
    if paging.text("lastPagePath"):
        paging.doc.tell(
            "ignored", paging.place("lastPagePath"), paging.text("lastPagePath"), "an empty page ends it", grave=False
        )


def _placed(paging: Node, http: Node, word: str) -> None:
    texts = [http.text("relativeURI"), http.text("body"), *(h.text("value") for h in http.nodes("headers")), paging.text("relativeURI"), paging.text("body")]  # fmt: skip
    if not any(word in t for t in texts):
        paging.doc.tell(
            "missing_field", paging.at, "", f"no text of the request holds {{{{{word}}}}}: every page would be the first"
        )


def _token(paging: Node, http: Node, join: Join) -> Paging:
    path = paging.needed("path", str) or ""
    where = paging.text("pathLocation", "body")
    if where not in ("body", "header"):
        paging.doc.tell("wrong_value", paging.place("pathLocation"), where, "body or header")
    found = f"answer.headers.[{path.lower()}]" if where == "header" else at("answer.body", path)
    if (later := paging.text("pathAfterFirstRequest")) and where == "body":
        token = "{{#if page.token}}" + _raw(at("answer.body", later)) + "{{else}}" + _raw(found) + "{{/if}}"
    else:
        token = _raw(found)
    if paging.text("token"):
        paging.doc.tell(
            "ignored", paging.place("token"), paging.text("token"), "the first page is asked for without one", grave=False
        )
    _placed(paging, http, "export.http.paging.token")
    pages = _made(paging, "cursor", {"token": token, "stop": _stop(paging)}, "token", "path")
    later_uri = paging.text("relativeURI")
    return Paging(pages, (), join(later_uri) if later_uri else "", paging.text("body"))


def _raw(expression: str) -> str:
    return "{{{" + (expression[1:-1] if expression.startswith("(") else expression) + "}}}"


def _url(paging: Node, http: Node, join: Join) -> Paging:
    found = at("answer.body", paging.needed("path", str) or "")
    return Paging(_made(paging, "cursor", {"token": _raw(found), "stop": _stop(paging)}, "token", "path"), (), _TOKEN)


def _link(paging: Node, http: Node, join: Join) -> Paging:
    options: dict[str, object] = {"rel": paging.text("linkHeaderRelation", "next")}
    return Paging(_made(paging, "link", options, "rel", "linkHeaderRelation"), (), _TOKEN)


def _relative(paging: Node, http: Node, join: Join) -> Paging:
    token = URL + join(paging.needed("relativeURI", str) or "")
    return Paging(_made(paging, "cursor", {"token": token, "stop": _stop(paging)}, "token", "relativeURI"), (), _TOKEN)


def _body(paging: Node, http: Node, join: Join) -> Paging:
    token = JSON + (paging.needed("body", str) or "")
    return Paging(_made(paging, "cursor", {"token": token, "stop": _stop(paging)}, "token", "body"), (), "", _TOKEN)


_METHODS = {"page": _numbered, "skip": _skipping, "token": _token, "url": _url, "nextpageurl": _url, "linkheader": _link,
            "relativeuri": _relative, "body": _body}  # fmt: skip
