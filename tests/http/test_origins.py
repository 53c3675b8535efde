"""Addresses: their spelling, their origin, and the map."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobstream.errors import UsageError
from jobstream.http import origins as module
from jobstream.http.origins import Origins, origin_of, parse_origin, spelled


@pytest.mark.parametrize(
    ("text", "want"),
    [("https://api.x.com=http://127.0.0.1:9000", ("https://api.x.com", "http://127.0.0.1:9000")),
     (" HTTPS://API.x.com:443/ = http://localhost:80/ ", ("https://api.x.com", "http://localhost")),
     ("http://[::1]:8080=https://b", ("http://[::1]:8080", "https://b"))],
)  # fmt: skip
def test_a_map_is_read(text: str, want: tuple[str, str]) -> None:
    assert parse_origin(text) == want


@pytest.mark.parametrize("text", ["", "https://a", "a=b", "https://a=", "https://a=ftp://b", "https://a/path=http://b",
                                  "https://a=http://b?c", "https://u:p@a=http://b", "https://a:99999=http://b", "https://[a=http://b",
                                  "https://a=http://b=http://c"])  # fmt: skip
def test_what_is_no_map_says_how_one_looks(text: str) -> None:
    with pytest.raises(UsageError, match=r"for example https://api\.example\.com=http://127\.0\.0\.1:9000"):
        parse_origin(text)


@pytest.mark.parametrize(
    ("url", "want"),
    [("http://A.b", "http://A.b/"), ("http://a/b c", "http://a/b%20c"), ("http://a/%2F?x=%2b+", "http://a/%2F?x=%2b+"),
     ("http://a/?p=100%", "http://a/?p=100%25"), ("http://a/?p=%zz", "http://a/?p=%25zz"), ("http://a/x#y", "http://a/x"),
     ("http://bücher.de/ü", "http://xn--bcher-kva.de/%C3%BC"), ("http://a/\ud800", "http://a/%ED%A0%80"),
     ("http://A:b@ü/", "http://A:b@xn--tda/"), ("  http://a/\n", "http://a/")],
)  # fmt: skip
def test_only_what_cannot_stand_is_spelled_anew(url: str, want: str) -> None:
    assert spelled(url) == want


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"<>\\^`{|}#%'), max_size=40))
def test_what_may_stand_stays_byte_for_byte(text: str) -> None:
    assert spelled(f"https://h/{text}?s=%2F") == f"https://h/{text}?s=%2F"


@given(st.text(max_size=40))
def test_spelling_is_ascii_without_blanks_and_stable(text: str) -> None:
    once = spelled(f"https://h/{text}")

    assert once.isascii() and not set(once) & set(' \r\n\t"<>') and spelled(once) == once


@given(st.sampled_from(["/", "/a?b=c", "/a%2F?x=https://api.x.com"]))
def test_there_and_back(path: str) -> None:
    origins = Origins({"https://api.x.com": "http://127.0.0.1:9000"})
    there = origins.mapped(f"https://api.x.com{path}")

    assert there == f"http://127.0.0.1:9000{path}"
    assert origins.original(there) == f"https://api.x.com{path}"
    assert origins.mapped(f"https://other{path}") == ""


@given(
    st.sampled_from(["http", "https"]), st.text("az09.-A", min_size=1, max_size=6),
    st.sampled_from(["", ":80", ":443", ":8080", ":59999", ":65535", ":99999", ":0", ":080", ":", ":4430"]),
    st.sampled_from(["", "/", "/a?b=/c#d", "/%2f%zz", "/@", "@h/", "/ü"]),
)  # fmt: skip
def test_the_short_way_gives_what_the_long_way_gives(scheme: str, host: str, port: str, rest: str) -> None:
    def told(ask: Callable[[], str]) -> str | None:
        try:
            return ask()
        except ValueError:
            return None

    url, to = f"{scheme}://{host}{port}{rest}", "https://to:1"
    fast = [told(lambda: spelled(url)), told(lambda: origin_of(url)), told(lambda: module._moved(spelled(url), to))]
    usual, module._USUAL = module._USUAL, re.compile("(?!)")
    try:
        slow = [told(lambda: spelled(url)), told(lambda: origin_of(url)), told(lambda: module._moved(spelled(url), to))]
    finally:
        module._USUAL = usual

    assert fast == slow


def test_ends_are_addresses_with_ports() -> None:
    pairs = {"https://a": "http://127.0.0.1:9000", "https://b": "http://localhost", "https://c": "https://[::1]"}

    assert Origins(pairs).ends == {("127.0.0.1", 9000), ("127.0.0.1", 80), ("::1", 80), ("::1", 443)}


def test_origins_are_compared_as_browsers_do() -> None:
    assert origin_of("HTTPS://A.x:443/b?c") == "https://a.x" and origin_of("http://a:8080") == "http://a:8080"
