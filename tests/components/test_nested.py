"""Decoders round decoders: gzip, zip, and the one that a header names."""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import Any

import pytest

from jobstream.records.counts import DataFault
from jobstream.records.inflate import unpacked
from jobstream.template.language import Scope
from tries import built, rows_of

CSV = {"is": "component", "kind": "decoder", "name": "csv"}
GZIP = {"is": "component", "kind": "decoder", "name": "gzip", "options": {"inner": CSV}}


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, body in files.items():
            z.writestr(name.replace("_", "."), body)
    return out.getvalue()


@pytest.mark.parametrize("wrap", [lambda b: b, gzip.compress, lambda b: gzip.compress(gzip.compress(b))])
def test_gzip_takes_off_what_is_there(wrap: Any) -> None:
    assert rows_of(built("decoder", "gzip", inner=CSV), wrap(b"a\n1\n")) == [{"a": "1"}]
    assert rows_of(built("decoder", "gzip", inner=GZIP), wrap(b"a\n1\n")) == [{"a": "1"}]


def test_a_cut_gzip_is_an_error() -> None:
    with pytest.raises(DataFault, match="cut"):
        rows_of(built("decoder", "gzip", inner=CSV), gzip.compress(b"a\n1\n")[:-1])


def test_each_file_of_a_zip_brings_its_header_and_unwanted_ones_are_passed_over() -> None:
    raw = archive(one_csv=b"a\n1\n", readme_txt=b"hello", two_csv=b"b\n2\n")
    decoder = built("decoder", "zip", inner=CSV, members="*.csv")
    assert rows_of(decoder, raw) == [{"a": "1"}, {"b": "2"}]
    assert rows_of(decoder, b"a\n1\n") == [{"a": "1"}]
    taken_off = [r for stream in unpacked(io.BytesIO(raw)) for r in rows_of(decoder, stream)]
    assert taken_off == [{"a": "1"}, {"b": "2"}]


def test_a_header_chooses_the_decoder() -> None:
    by = {"text/csv": CSV, "Application/JSON": {"is": "component", "kind": "decoder", "name": "json"}}

    def read(media: str | None, **options: Any) -> Any:
        names = Scope({"answer": lambda: {"headers": {"content-type": media} if media else {}}})
        return rows_of(built("decoder", "composite", by=by, **options), b"[1]", names=names)

    assert read("application/json; charset=utf-8") == [1]
    assert read("TEXT/CSV") == []
    assert read("text/plain", default=by["Application/JSON"]) == [1]
    with pytest.raises(DataFault, match="text/html; known: application/json, text/csv"):
        read("text/html")
    with pytest.raises(DataFault, match="nothing"):
        read(None)
