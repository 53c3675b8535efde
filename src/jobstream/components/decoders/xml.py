"""XML documents, by xmltodict's rules of shape."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, BinaryIO, cast

from jobstream.components.decoders.text import Utf8, charset, unknown_charset
from jobstream.components.options import Options, opt
from jobstream.plan.notes import Json
from jobstream.records.batch import Batch, Row
from jobstream.records.counts import DataFault, Tally
from jobstream.template.language import Scope

if TYPE_CHECKING:
    from lxml.etree import _Element

BATCH = 500  # elements of a stream at a time
_CHUNK = 1 << 16
_DECLARED = re.compile(rb"^\s*<\?xml[^>]*encoding|^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)")


class Xml(Options, frozen=True):
    """XML. Attributes are `@name`, text beside them `#text`, repeated elements a list, empty elements null, text alone is text.

    Without a path the whole document is one record (for small answers); with one, each element there is streamed in flat memory.
    Names are as written, with their prefix; a namespace that is declared again, unchanged, is shown once. Entities that the document declares are an error; its DTD and the network are never read."""

    path: Annotated[
        tuple[str, ...], opt("Items at", "Element names from the root down; each element there is a record. Streamed.")
    ] = ()
    encoding: Annotated[str, opt("Encoding", "Empty: what the document says, else the header's charset.", advanced=True)] = ""

    def mistakes(self) -> Iterable[tuple[str, str]]:
        return unknown_charset(self.encoding)

    def decode(self, source: BinaryIO, tally: Tally, names: Scope) -> Iterator[Batch]:
        from lxml import etree

        ahead = _Ahead(source)
        if not ahead.head.strip():
            return
        encoding = self.encoding or ("" if _DECLARED.match(ahead.head) else charset(names))
        text = Utf8(cast(BinaryIO, ahead), encoding, names) if encoding else ahead
        told = "utf-8" if encoding else None
        try:
            yield from _items(text, told, self.path) if self.path else (Batch([_whole(text, told)]),)
        except (etree.XMLSyntaxError, LookupError) as e:
            raise DataFault("data.xml", str(e)) from e


class _Ahead:
    """The first bytes seen, then all of them read."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.head = b""
        while not self.head.strip() and (more := source.read(_CHUNK)):
            self.head += more
        self._first = self.head

    def read(self, n: int = -1) -> bytes:
        first, self._first = self._first, b""
        return first or self._source.read(n)


def _whole(source: _Ahead | Utf8, encoding: str | None) -> Row:
    from lxml import etree

    parser = etree.XMLParser(encoding=encoding, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
                             remove_comments=True, remove_pis=True)  # fmt: skip
    while chunk := source.read(_CHUNK):
        parser.feed(chunk)
    root = parser.close()
    return {_name(root): _value(root, True)}


def _items(source: _Ahead | Utf8, encoding: str | None, path: tuple[str, ...]) -> Iterator[Batch]:
    from lxml import etree

    rows, declared = list[Json](), 0
    walk = etree.iterparse(
        source, events=("end", "start-ns"), tag="{*}" + path[-1].rpartition(":")[2], encoding=encoding, resolve_entities=False,
        no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True)  # fmt: skip
    for event, element in walk:
        if event == "start-ns":
            declared += 1
        elif _lies_at(element, path):
            rows.append(_value(element, declared > len(element.getroottree().getroot().nsmap)))
            _forget(element)
            if len(rows) == BATCH:
                yield Batch(rows)
                rows = []
    if rows:
        yield Batch(rows)


def _lies_at(element: _Element, path: tuple[str, ...]) -> bool:
    at: _Element | None = element
    for name in reversed(path):
        if at is None or _name(at) != name:
            return False
        at = at.getparent()
    return at is None


def _forget(element: _Element) -> None:
    """The element and all that lies before it beside it or above it."""
    element.clear()
    at: _Element | None = element
    while at is not None and (parent := at.getparent()) is not None:
        while at.getprevious() is not None:
            del parent[0]
        at = parent


def _value(element: _Element, spaces: bool) -> Json:
    """spaces: namespaces may be declared here or inside. Looked for only then, for it is slow."""
    out: Row = {}
    if spaces:
        parent = element.getparent()
        outer = {} if parent is None else parent.nsmap
        out = {f"@xmlns:{k}" if k else "@xmlns": v for k, v in element.nsmap.items() if outer.get(k) != v}
    for key, said in element.items():
        out[f"@{_attribute(str(key), element)}"] = said
    text = element.text
    for child in element:
        tag = child.tag
        if not isinstance(tag, str):
            raise DataFault("data.xml", f"the entity {child.text} is declared by the document")
        name = tag if tag[0] != "{" else _name(child)
        value = _value(child, spaces) if spaces or len(child) or child.keys() else (child.text or "").strip() or None
        if name in out:
            _put(out, name, value)
        else:
            out[name] = value
        if tail := child.tail:
            text = text + tail if text else tail
    text = text.strip() if text else None
    if not out:
        return text or None
    if text:
        out["#text"] = text
    return out


def _put(out: Row, name: str, value: Json) -> None:
    """A name that is there already."""
    if isinstance(held := out[name], list):
        held.append(value)
    else:
        out[name] = [held, value]


def _name(element: _Element) -> str:
    local = str(element.tag).rpartition("}")[2]
    return f"{element.prefix}:{local}" if element.prefix else local


def _attribute(key: str, element: _Element) -> str:
    space, _, local = key.rpartition("}")
    if not space:
        return local
    known = {v: k for k, v in element.nsmap.items() if k} | {"http://www.w3.org/XML/1998/namespace": "xml"}
    return f"{known[space[1:]]}:{local}"
