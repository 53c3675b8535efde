"""XML takes the shape that xmltodict gives it, whole or streamed, and reads nothing that a document declares."""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobstream.components.decoders.xml import BATCH, Xml
from jobstream.records.counts import DataFault
from jobstream.template.language import Scope
from tries import Dribble, built, many, rows_of


def reference(raw: bytes) -> Any:
    """xmltodict's rules over expat: the shape in the fewest words."""
    stack: list[tuple[dict[str, str], dict[str, Any], list[str]]] = [({}, {}, [])]

    def start(name: str, attributes: dict[str, str]) -> None:
        inherited = stack[-1][0]
        mine = {k: v for k, v in attributes.items() if not k.startswith("xmlns") or inherited.get(k) != v}
        stack.append((inherited | attributes, {f"@{k}": v for k, v in mine.items()}, []))

    def text(data: str) -> None:
        stack[-1][2].append(data)

    def end(name: str) -> None:
        _, out, texts = stack.pop()
        said = "".join(texts).strip()
        value: Any = (out | {"#text": said} if said else out) if out else said or None
        above = stack[-1][1]
        above[name] = (
            value if name not in above else [*(above[name] if isinstance(above[name], list) else [above[name]]), value]
        )

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.Parse(raw, True)
    return stack[0][1]


names = st.sampled_from(["a", "b", "item", "n:c"])
texts = st.sampled_from(["", " ", "x", " x\ny ", "&amp;&lt;", "<![CDATA[<z>]]>", "<!-- c -->", "<?p i?>", "é", "&#x41;"])
attributes = st.sampled_from(["", ' k="v"', ' k="" n:l="&quot;"', ' xml:lang="en"', ' xmlns="u:d"', ' xmlns:m="u:m" m:k="1"'])


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    inside = [draw(texts)]
    for _ in range(draw(st.integers(0, 3)) if depth else 0):
        inside += [draw(elements(depth - 1)), draw(texts)]
    name = draw(names)
    return f"<{name}{draw(attributes)}>{''.join(inside)}</{name}>"


@many
@given(elements(), st.integers(1, 50))
def test_a_whole_document_has_the_shape_of_xmltodict(inner: str, n: int) -> None:
    raw = f'<?xml version="1.0" encoding="utf-8"?>\n<root xmlns:n="u:n">{inner}</root>'.encode()
    assert rows_of(Xml(), Dribble(raw, n)) == [reference(raw)]


@many
@given(st.lists(elements(2), max_size=4), st.lists(elements(1), max_size=3), st.integers(1, 50))
def test_streamed_items_are_those_of_the_whole(items: list[str], beside: list[str], n: int) -> None:
    inner = "".join(f"<item>{i}</item>{b}" for i, b in zip(items, [*beside, "", "", "", ""], strict=False))
    raw = f"<root xmlns:n='u:n'><item>no</item><a><item>no</item></a><list>{inner}</list></root>".encode()
    held = reference(raw)["root"]["list"]
    expected = held.get("item", []) if isinstance(held, dict) else []
    expected = expected if isinstance(expected, list) else [expected]
    if any(b.startswith("<item") for b in beside):
        return  # more items than were written here
    assert rows_of(Xml(path=("root", "list", "item")), Dribble(raw, n)) == expected


def test_items_are_found_by_their_written_names() -> None:
    raw = b'<s:E xmlns:s="u:s" xmlns="u:d"><s:B><row id="1"><s:v>1</s:v></row><row/></s:B><row>no</row></s:E>'
    assert rows_of(Xml(path=("s:E", "s:B", "row")), raw) == [{"@id": "1", "s:v": "1"}, None]
    assert rows_of(Xml(path=("E", "B", "row")), raw) == []


def test_more_items_than_a_batch() -> None:
    raw = b"<r>" + b"<i>1</i>" * (2 * BATCH + 3) + b"</r>"
    sizes = [len(b.rows()) for b in Xml(path=("r", "i")).decode(Dribble(raw, 999), None, Scope({}))]  # type: ignore[arg-type]
    assert sizes == [BATCH, BATCH, 3]


@pytest.mark.parametrize("path", [(), ("r", "i")])
@pytest.mark.parametrize("raw", [b"<r><i>1</i>", b"<r><i>1</r>", b"<r/>x", b"no", b"<r><i>&nbsp;</i></r>", b'<?xml version="1.0" encoding="klingon"?><r/>'])  # fmt: skip
def test_what_is_no_xml_or_cut_is_an_error(raw: bytes, path: tuple[str, ...]) -> None:
    with pytest.raises(DataFault) as caught:
        rows_of(Xml(path=path), raw)
    assert caught.value.code == "data.xml"


@pytest.mark.parametrize("path", [(), ("r", "i")])
def test_declared_entities_are_refused_and_files_never_read(path: tuple[str, ...]) -> None:
    head = b'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd"><!ENTITY f "x">]>'
    for entity in (b"&e;", b"&f;"):
        with pytest.raises(DataFault):
            rows_of(Xml(path=path), head + b"<r><i>" + entity + b"</i></r>")
    laughs = b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">' + b"".join(b'<!ENTITY %c "&%c;&%c;&%c;">' % (n, n - 1, n - 1, n - 1) for n in range(98, 120)) + b"]>"  # fmt: skip
    with pytest.raises(DataFault):
        rows_of(Xml(path=path), laughs + b"<r><i k='&w;'>&w;</i></r>")


def test_deep_nesting_is_an_error() -> None:
    with pytest.raises(DataFault):
        rows_of(Xml(), b"<a>" * 9999 + b"</a>" * 9999)


def test_nothing_is_no_document() -> None:
    assert rows_of(Xml(), b"") == rows_of(Xml(path=("a",)), b" \n") == []


def test_the_charset_is_the_documents_then_the_headers_and_an_option_beats_both() -> None:
    latin = Scope({"answer": lambda: {"headers": {"content-type": "text/xml; charset=ISO-8859-1"}}})
    bare, said = "<r>é</r>", '<?xml version="1.0" encoding="utf-8"?><r>é</r>'
    assert rows_of(Xml(), bare.encode("latin-1"), names=latin) == [{"r": "é"}]
    assert rows_of(Xml(), said.encode(), names=latin) == [{"r": "é"}]
    assert rows_of(built("decoder", "xml", encoding="latin-1"), said.encode("latin-1")) == [{"r": "é"}]
    assert rows_of(Xml(), bare.encode("utf-16")) == rows_of(Xml(), bare.encode("utf-8-sig"), names=latin) == [{"r": "é"}]
