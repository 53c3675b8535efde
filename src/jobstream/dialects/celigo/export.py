"""An export: one request and what its answer means; its paging; what becomes of its records."""

from __future__ import annotations

from typing import NamedTuple

from jobstream.dialects.celigo.connection import Connection
from jobstream.dialects.celigo.document import Node
from jobstream.dialects.celigo.paging import Paging, paging_of
from jobstream.dialects.celigo.paths import Resource, at, filter_of, mapping_of, one_of, read_of
from jobstream.dialects.celigo.tables import EXPORT, MEDIA, RESPONSE
from jobstream.plan.component import Component
from jobstream.plan.exchange import Body, Exchange, Field, Read, Reading, Request, Rule, When
from jobstream.template.handlebars import JSON


class Export(NamedTuple):
    node: Node
    connection: Connection
    auth: str  # the connection's name in SourcePlan.auth
    budget: str

    @property
    def http(self) -> Node:
        return self.node.node("http")

    @property
    def resource(self) -> Resource:
        return Resource(self.http.node("response").text("resourcePath"), mapping_of(self.node))

    @property
    def answers(self) -> str:
        return self.http.text("successMediaType", self.connection.answers)

    def check(self) -> None:
        self.http.only(EXPORT)
        self.http.node("response").only(RESPONSE)
        if self.node.text("adaptorType", "HTTPExport") != "HTTPExport":
            self.node.doc.tell(
                "unsupported", self.node.place("adaptorType"), self.node.text("adaptorType"), "HTTPExport is known"
            )
        for field in ("hooks", "inputFilter", "mappings"):
            if self.node.raw.get(field):
                self.node.doc.tell("unsupported", self.node.place(field), field, "scripts and mappings are not run")

    def exchange(self, *behind: Rule, front: tuple[Rule, ...] = (), paging: Paging | None = None) -> Exchange:
        """front and behind: rules that the step brings along, before and behind the export's own."""
        http, doc = self.http, self.node.doc
        first = self._url(http.needed("relativeURI", str) or "")
        body = http.text("body")
        if paging is not None:
            first, body = paging.url(first), paging.body(body)
        media = http.text("requestMediaType", self.connection.media)
        request = Request(
            url=first, method=http.text("method", "GET").upper(), headers=self._headers(MEDIA.get(media, "") if body else ""),
            body=Body(form="text", value=(JSON if media == "json" else "") + body) if body else None, auth=self.auth, budget=self.budget)  # fmt: skip
        doc.made(request, http, url="relativeURI", method="method", headers="headers", body="body")
        rules = (*front, *self.connection.rules, *self._rules(), *behind)
        reading = Reading(decoder=Component("decoder", "xml")) if self.answers == "xml" else Reading()
        return doc.made(
            Exchange(request=request, rules=(rules,), reading=reading, waits=self.connection.waits), http, rules="response"
        )

    def _url(self, relative: str) -> str:
        if relative.startswith(("https://", "http://")):
            return relative
        return f"{self.connection.base}{'' if relative.startswith(('/', '?', '{{')) or not relative else '/'}{relative}"

    def _headers(self, media: str) -> dict[str, Field]:
        out: dict[str, Field] = dict(self.connection.headers)
        for h in self.http.nodes("headers"):
            name = h.text("name")
            out = {k: v for k, v in out.items() if k.lower() != name.lower()} | {name: h.text("value")}
        if media and not any(k.lower() == "content-type" for k in out):
            out["Content-Type"] = media
        return out

    def _rules(self) -> tuple[Rule, ...]:
        """What the body says of success: told by text, as Celigo compares."""
        response = self.http.node("response")
        good, bad = response.text("successPath"), response.text("failPath")
        right, wrong = response.texts("successValues"), response.texts("failValues")
        error = response.text("errorPath")
        say = "{{{" + at("answer.body", error).strip("()") + "}}}" if error else ""
        out = []
        if bad:
            found = at("answer.body", bad)
            out.append(self._rule(one_of(found, wrong) if wrong else f"(not (not {found}))", say or f"{bad} tells a failure"))
        if good:
            found = at("answer.body", good)
            out.append(self._rule(f"(not {one_of(found, right) if right else found})", say or f"{good} does not tell success"))
        if error:
            out.append(Rule(then="stop", when=When(codes=("400", "402", "404-428", "430-499")), say=say))
        return tuple(out)

    def _rule(self, condition: str, say: str) -> Rule:
        return Rule(then="stop", when=When(codes=("200-399",), holds="{{" + condition[1:-1] + "}}"), say=say)

    def paging(self) -> Paging | None:
        return paging_of(self.http, self._url)

    def decoder(self) -> Component:
        kind = self.node.node("file").text("type") or self.answers
        if kind not in ("json", "csv", "xml"):
            self.node.doc.tell("unsupported", self.http.at, kind, "json, csv and xml are known")
        return Component("decoder", kind if kind in ("json", "csv", "xml") else "json")

    def select(self) -> Read:
        path = self.http.node("response").text("resourcePath")
        read = read_of(self.http.node("response"), "resourcePath")
        if path and read is None:
            self.node.doc.tell(
                "unsupported", self.http.node("response").place("resourcePath"), path, "keys, indexes and * are known here"
            )
        return read or Read()

    def transforms(self) -> tuple[Component, ...]:
        """Transform, then filter, as Celigo has it."""
        out, doc = [], self.node.doc
        if mapping := mapping_of(self.node):
            fields = [{"extract": a, "generate": b} for a, b in mapping]
            out.append(
                doc.made(
                    Component("transform", "reshape", {"fields": fields}), self.node.node("transform"), fields="expression"
                )
            )
        if keep := filter_of(self.node):
            out.append(doc.made(Component("transform", "filter", {"keep": keep}), self.node.node("filter"), keep="expression"))
        return tuple(out)
