"""The pages say what the compiler knows."""

from __future__ import annotations

from pathlib import Path

import yaml

from jobstream.dialects.airbyte.known import KNOWN, REFUSED
from jobstream.dialects.airbyte.leaves import LEAVES
from jobstream.dialects.airbyte.pages import compatibility, extension_tables

DOCS = Path(__file__).parents[2] / "docs"


def test_the_compatibility_page_is_the_compilers_table() -> None:
    assert (DOCS / "compat" / "airbyte.md").read_text() == compatibility(), "write it anew from pages.compatibility()"


def test_the_extension_page_has_the_table_of_every_place() -> None:
    text = (DOCS / "x-jobstream.md").read_text()
    assert [t.splitlines()[2] for t in extension_tables() if t not in text] == [], "put in pages.extension_tables()"


def test_its_examples_are_yaml() -> None:
    blocks = [b.partition("```")[0] for b in (DOCS / "x-jobstream.md").read_text().split("```yaml\n")[1:]]
    assert len(blocks) == 2 and all(isinstance(yaml.safe_load(b), dict) for b in blocks)


def test_the_tables_agree() -> None:
    assert LEAVES.keys() <= KNOWN.keys() and not KNOWN.keys() & REFUSED.keys()
    for type_, leaf in LEAVES.items():
        assert {f.field for f in leaf.fields} <= set(KNOWN[type_].used), type_
    for type_, known in KNOWN.items():
        assert set(known.differs) <= set(known.used) and len(set(known.fields)) == len(known.fields), type_
