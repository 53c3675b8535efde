"""UTF-8 is checked block by block: a character that a block cuts is whole, one that nobody ends is an error that names its byte."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobstream.components.decoders import text as text_of
from jobstream.components.decoders.text import Utf8
from jobstream.records.counts import DataFault
from jobstream.template.language import Scope


def read(raw: bytes, block: int) -> bytes:
    text = Utf8(io.BytesIO(raw), "", Scope({}))
    out = b""
    while chunk := text.read(block):
        out += chunk
    return out


@pytest.fixture(scope="module", autouse=True, params=["by Arrow", "as it comes"])
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Few bytes are checked by Python; here they go both ways."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "by Arrow":
            patch.setattr(text_of, "_LARGE", 3)
        yield


@given(st.text(st.sampled_from("aé€😀\x7f߿￿"), max_size=30), st.integers(1, 20))
def test_text_is_the_same_at_any_block(text: str, block: int) -> None:
    assert read(text.encode(), block) == text.encode()


@given(st.binary(max_size=30), st.integers(1, 20))
def test_what_is_no_utf_8_is_an_error_at_any_block(raw: bytes, block: int) -> None:
    body = b"a" + raw
    try:
        body.decode()
    except UnicodeDecodeError as e:
        with pytest.raises(DataFault) as caught:
            read(body, block)
        assert caught.value.code == "data.encoding" and f" at {e.start} " in caught.value.seen
    else:
        assert read(body, block) == body
