"""Whatever is done to a manifest, the compiler answers with findings or a plan; and what is told has its place."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobstream.components.catalog import Catalog
from jobstream.dialects.airbyte.known import KNOWN
from jobstream.dialects.airbyte.load import Compiled, load, spec_of
from jobstream.documents.text import read
from jobstream.errors import DocumentError
from jobstream.plan.wire import decode, encode

HERE = Path(__file__).parent
SOURCES = [*sorted((HERE / "manifests").glob("*.yaml")), *sorted((HERE.parents[1] / "examples").glob("*/manifest.yaml"))]
DOCUMENTS = [yaml.safe_load(p.read_text()) for p in SOURCES]
CATALOG = Catalog()
CONFIG = {"api_key": "k", "token": "t", "client_id": "c", "client_secret": "s", "lists": ["a"]}

Path_ = list[Any]
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 600), st.floats(allow_nan=False, allow_infinity=False), st.just([]), st.just({}),
    st.just([[]]), st.just({"type": "Nonsense"}), st.just({"$ref": "#/streams/0"}), st.just("#/streams"), st.just("#/nowhere/x"),
    st.just({"$ref": 5}), st.just({"class_name": "source.components.Foo"}), st.just("{{ nonsense("), st.just("{{ record.id }}"),
    st.just("{{ config['nope'] }}"), st.just("{{ 1 / 0 }}"), st.just("{% for x in %}"), st.just(["**", "{{ parameters.x }}"]),
    st.sampled_from(sorted(KNOWN)), st.sampled_from(sorted(KNOWN)).map(lambda t: {"type": t}), st.text(max_size=8),
    st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2), st.just("9" * 400), st.just(-1), st.just(1e300),
)  # fmt: skip


def paths(value: Any, at: Path_ | None = None) -> list[Path_]:
    at = at or []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(p for k, v in inner for p in paths(v, [*at, k]))]


def holder_of(document: Any, path: Path_) -> Any:
    for key in path[:-1]:
        document = document[key]
    return document


@st.composite
def broken(draw: st.DrawFn) -> Any:
    document = copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths(document)))
        if not path:
            continue
        holder, key = holder_of(document, path), path[-1]
        match draw(st.sampled_from(["delete", "change", "rename", "wrap", "twice"])):
            case "delete":
                del holder[key]
            case "change":
                holder[key] = copy.deepcopy(draw(ODD))
            case "rename" if isinstance(holder, dict):
                holder[draw(st.sampled_from([f"{key}s", "type", "$ref", "$parameters", "x-jobstream", "class_name"]))] = (
                    holder.pop(key)
                )
            case "wrap":
                holder[key] = [holder[key]]
            case "twice" if isinstance(holder, list):
                holder.append(holder[key])
    return document


def survives(document: Any, config: Any) -> Compiled:
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    made = load("m.yaml", text, CATALOG, config=config, now=lambda: 0.0)
    assert decode(encode(made.plan)) == msgspec.json.decode(encode(made.plan), type=type(made.plan))
    lines = text.count("\n") + 1
    assert all(0 < f.line <= lines and str(f).startswith("m.yaml:") for f in made.findings)
    assert [f.line for f in made.findings] == sorted(f.line for f in made.findings)
    spec_of(text)
    return made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(broken(), st.booleans())
def test_a_broken_manifest_gives_findings_and_never_raises(document: Any, with_config: bool) -> None:
    survives(document, CONFIG if with_config else None)


@pytest.mark.long
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(broken(), st.booleans())
def test_a_broken_manifest_at_length(document: Any, with_config: bool) -> None:
    survives(document, CONFIG if with_config else None)


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(SOURCES),
    st.integers(0, 3000),
    st.sampled_from(["", "{", "}", ":", "- ", "\t", "&a ", "*a", "'", '"', "#", "\n", "!x ", "\x00", "é"]),
    st.integers(0, 30),
)
def test_a_text_that_was_cut_anywhere_is_read_or_told_with_its_line(path: Path, at: int, put: str, drop: int) -> None:
    text = path.read_text()
    text = text[:at] + put + text[at + drop :]
    try:
        load("m.yaml", text, CATALOG, config=CONFIG, now=lambda: 0.0)
    except DocumentError as e:
        assert e.where.startswith("m.yaml")


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    )
)
def test_any_document_at_all(document: Any) -> None:
    survives(document, None)


def test_references_that_multiply_end_in_a_finding() -> None:
    handlers = {
        f"h{i}": {"type": "CompositeErrorHandler", "error_handlers": [f"#/definitions/h{i + 1}"] * 9} for i in range(12)
    }
    document = copy.deepcopy(DOCUMENTS[0])
    document["definitions"] = {**handlers, "h12": {"type": "DefaultErrorHandler"}}
    document["streams"][0]["retriever"]["creation_requester"]["error_handler"] = "#/definitions/h0"
    made = survives(document, None)
    assert any("values" in f.hint for f in made.faults)


def test_a_chain_of_references_of_any_length_and_a_circle_end_in_a_finding() -> None:
    document = copy.deepcopy(DOCUMENTS[0])
    document["definitions"] = {f"d{i}": {"$ref": f"#/definitions/d{i + 1}"} for i in range(2000)} | {"d2000": {}}
    document["streams"][0]["retriever"] = {"$ref": "#/definitions/d0"}
    assert any(f.code == "circular_reference" for f in survives(document, None).faults)
    document["definitions"] = {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}
    document["streams"][0]["retriever"] = {"$ref": "#/definitions/a"}
    assert any(f.code == "circular_reference" for f in survives(document, None).faults)
    assert read("m.yaml", yaml.safe_dump(document)).value == document
