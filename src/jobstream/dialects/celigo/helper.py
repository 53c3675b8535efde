"""An async helper: submit, poll, result of the export that names it. Every reading of the checklist's C is decided here.

C1   the submit is the owner's own request; one without a relativeURI has none: the status export begins the job
C2   statusPath starts at the status export's resource, and finding nothing there, at the whole response
C7   values are compared as text, with case
C9   a value in two lists: error before no data before done before in progress
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from jobstream.dialects.celigo.document import Node
from jobstream.dialects.celigo.export import Export
from jobstream.dialects.celigo.paths import Resource, at, mapping_of, one_of, quoted, read_of, value
from jobstream.dialects.celigo.tables import DOUBT, LISTS
from jobstream.plan.component import Component
from jobstream.plan.exchange import Read, Rule, Value, Wait, When
from jobstream.plan.retrieval import Fetch, Here, One, Policy, Poll, Retrieval, Status, StatusMap
from jobstream.plan.stream import Records
from jobstream.template.reshape import keys_of

DAY = 86400.0


class Job(NamedTuple):
    """resource: what the poll's answer is about, for the names `status` and `record`."""

    retrieval: Retrieval
    records: Records
    resource: str


class Helper:
    def __init__(self, node: Node, owner: Export, find: Callable[[Node, str], Export | None]) -> None:
        """find: the export that a field names, compiled over its own connection."""
        self.http, self.owner, self.doc = node.node("http"), owner, node.doc
        self.submit, self.status, self.result = (self.http.node(n) for n in ("submit", "status", "result"))
        self.http.only(("submit", "status", "result"))
        self._find = find

    def compile(self) -> Job | None:
        """None where an export is missing; it has been told."""
        same = self.submit.needed("sameAsStatus", bool)
        path = self.status.needed("statusPath", str) or ""
        polled = self._find(self.status, "_exportId")
        fetched = self._find(self.result, "_exportId") if self.result.raw.get("_exportId") else None
        if polled is None:
            return None
        for export in (polled, *((fetched,) if fetched else ())):
            export.check()
        resource = polled.resource
        status = Reading(self.status, path, resource)
        one_endpoint = bool(same) and not self.owner.http.text("relativeURI")
        create = None if one_endpoint else self.owner.exchange(*DOUBT, front=status.rules() if same else ())
        retrieval = Retrieval(
            create=create, reads_created=bool(same) and not one_endpoint, poll=self._poll(polled, status),
            job_id=None if one_endpoint else self._handle(resource if same else None), policy=Policy(attempts=1),
            targets=(One(),) if fetched else (Here(),), fetch=self._fetch(fetched))  # fmt: skip
        self.doc.made(retrieval, self.http, create="submit", poll="status", fetch="result", job_id="submit", targets="result")
        return Job(retrieval, self._records(polled, fetched), _place(resource))

    def _poll(self, polled: Export, status: Reading) -> Poll:
        wait = self.status.number("pollWaitTime", 1) * 60
        poll = Poll(exchange=polled.exchange(front=status.rules()), first=self.status.number("initialWaitTime", 0) * 60,
                    waits=(Wait(first=wait, most=max(wait, 3600.0), jitter=0.0),), deadline=DAY, status=status.map())  # fmt: skip
        return self.doc.made(
            poll, self.status, exchange="_exportId", status="statusPath", first="initialWaitTime", waits="pollWaitTime"
        )

    def _handle(self, like_status: Resource | None) -> Value:
        """What the submit's answer hands to the polls: one value or an object."""
        if like_status is not None:
            simple = not like_status.mapping and (not like_status.path or keys_of(like_status.path) is not None)
            return Read(keys_of(like_status.path) or ()) if simple else value(like_status.expression())
        path, mapping = self.submit.text("resourcePath"), mapping_of(self.submit)
        if not path:
            self.doc.tell(
                "missing_field", self.submit.at, "", "without a resourcePath the whole answer is the handle", grave=False
            )
        read = read_of(self.submit, "resourcePath") if path else Read()
        if read is not None and not mapping:
            return read
        holder = f"(reshaped answer.body {quoted(json.dumps(mapping))})" if mapping else "answer.body"
        return value(f"(jsonPath {holder} {quoted(path)})" if path else holder)

    def _fetch(self, fetched: Export | None) -> Fetch:
        if fetched is None:
            return Fetch()
        paging = fetched.paging()
        made = Fetch(exchange=fetched.exchange(front=paging.rules if paging else (), paging=paging), pages=paging.pages if paging else None)  # fmt: skip
        return self.doc.made(made, fetched.http, exchange="relativeURI", pages="paging")

    def _records(self, polled: Export, fetched: Export | None) -> Records:
        """The result's own cut and transforms, then the owner's."""
        source = fetched or polled
        own = self.owner.http.node("response").text("resourcePath")
        select = source.select() if fetched or not own else self.owner.select()
        transforms: tuple[Component, ...] = (*(fetched.transforms() if fetched else ()), *self.owner.transforms())
        return self.doc.made(
            Records(decoder=source.decoder(), select=select, transforms=transforms), source.node, select="http"
        )


class Reading:
    """How the status is read from an answer."""

    def __init__(self, status: Node, path: str, resource: Resource) -> None:
        self._node, self._path = status, path
        self._simple = not resource.path and not resource.mapping and read_of(status, "statusPath") is not None
        holders = resource.expression() if resource.path or resource.mapping else "answer.body"
        self._spelled = f"statusOf {quoted(path)} {holders} answer.body"
        self._found = at("answer.body", path) if self._simple else f"({self._spelled})"

    def map(self) -> StatusMap:
        words: dict[str, Status] = {v: told for key, told in LISTS for v in self._node.texts(key)}
        for key in ("inProgressValues", "doneValues"):
            self._node.needed(key, list)
        read = read_of(self._node, "statusPath") if self._simple else None
        made = StatusMap(value=read or "{{{" + self._spelled + "}}}", map=words, unknown="failed")
        return self._node.doc.made(made, self._node, value="statusPath", map="doneValues")

    def rules(self) -> tuple[Rule, ...]:
        """Failures that say why: a value of errorValues, and one that no list names. All else is the map's."""
        lists = {key: self._node.texts(key) for key, _ in LISTS}
        said = "the API said {{{" + self._spelled + "}}} at " + self._path
        known = tuple(v for values in lists.values() for v in values)
        named = ", ".join(f"{key} {json.dumps(list(values), ensure_ascii=False)}" for key, values in lists.items())
        error = self._rule("{{" + one_of(self._found, lists["errorValues"])[1:-1] + "}}", f"{said}, which errorValues names")
        other = self._rule("{{not " + one_of(self._found, known) + "}}", f"{said}, which no list names: {named}")
        return (error, other) if lists["errorValues"] else (other,)

    def _rule(self, holds: str, say: str) -> Rule:
        made = Rule(then="failed", when=When(codes=("200-399",), holds=holds), say=say)
        return self._node.doc.made(made, self._node, when="statusPath", say="statusPath")


def _place(resource: Resource) -> str:
    """Of the resource in the poll's answer, as a name of the scope."""
    keys = keys_of(resource.path) if resource.path and not resource.mapping else None
    if not keys or any("." in k or " " in k or k == "*" for k in keys):
        return "polled.body"
    return f"polled.body.{'.'.join(keys)} | polled.body"
