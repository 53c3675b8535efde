"""What is shown holds no secret, and is still readable."""

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus, unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobstream.redact import MASK, SHOWN, Redactor

SECRET = 'p/w+ö "x\\y&<z'
words = st.text(min_size=6, max_size=24).filter(lambda s: s.strip("*") and s.isprintable())
around = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def partly(text: str) -> str:
    """Every second character percent-encoded, whether it must be or not."""
    return "".join("".join(f"%{b:02x}" for b in c.encode()) if i % 2 or c == "%" else c for i, c in enumerate(text))


FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda s: s,
    "json": lambda s: json.dumps(s)[1:-1],
    "json utf-8": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "json with slashes": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "json in json": lambda s: json.dumps(json.dumps(s)[1:-1])[1:-1],
    "percent": lambda s: quote(s, safe=""),
    "percent, slashes stay": quote,
    "percent, lower case": partly,
    "form": quote_plus,
    "percent in json": lambda s: json.dumps(quote(s, safe=""))[1:-1],
    "json in percent": lambda s: quote(json.dumps(s)[1:-1]),
    "xml": html.escape,
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64, one before": lambda s: base64.b64encode(b"u" + s.encode() + b"z").decode(),
    "base64, two before": lambda s: base64.b64encode(b"me" + s.encode() + b"zz").decode(),
    "base64 of urls": lambda s: base64.urlsafe_b64encode(b"me:" + s.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_masked_in_every_form(form: str) -> None:
    shown = Redactor((SECRET,)).text(f"before {FORMS[form](SECRET)} after")

    assert shown == f"before {MASK} after"


@settings(max_examples=200, deadline=None)
@given(words, st.sampled_from(sorted(FORMS)), around, around)
@example("000000", "plain", "00", "0")
def test_no_secret_survives_and_twice_is_once(secret: str, form: str, before: str, after: str) -> None:
    redactor = Redactor((secret, "another secret"))
    coded = FORMS[form](secret)

    for shown in (redactor.text(before + coded + after), redactor.body((before + coded + after).encode()),
                  redactor.url(f"https://h/p?a={coded}"), redactor.headers({"x": coded})["x"]):  # fmt: skip
        assert secret not in shown and redactor.text(shown) == shown
        assert secret not in unquote(shown) and secret not in html.unescape(shown)
        assert coded not in shown or coded in MASK


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("ab*", min_size=4, max_size=7), max_size=4), st.text("ab*%61", max_size=40))
def test_secrets_that_overlap_or_look_like_the_mask(secrets: list[str], text: str) -> None:
    redactor = Redactor(tuple(secrets))

    shown = redactor.text(text)

    assert redactor.text(shown) == shown
    assert not any(s in shown or s in unquote(shown) for s in secrets if s.strip("*"))


@settings(max_examples=300, deadline=None)
@given(st.text("ab?&=;sigtoken%3D26/:#\\u0026 \"'.-_@+", max_size=60))
def test_masking_is_stable_whatever_comes(text: str) -> None:
    redactor = Redactor(("aabb", "a b a b"))

    for once in (redactor.text(text), redactor.url(text, secret=True)):
        assert redactor.text(once) == once and redactor.url(redactor.url(text, True), True) == redactor.url(text, True)


def test_short_secrets_are_not_replaced_everywhere() -> None:
    assert Redactor(("abc", "")).text("abcdef") == "abcdef"
    assert Redactor(("abcd",)).text("abcdef") == "****ef"


AWS = (
    "https://b.s3.amazonaws.com/exports/a%2Fb.csv.gz?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20260101%2Fs3"
    "&X-Amz-Date=20260101T000000Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Security-Token=Fwo%2Bx%3D%3D"
    "&X-Amz-Signature=0a1b2c"
)
AWS_SHOWN = (
    "https://b.s3.amazonaws.com/exports/a%2Fb.csv.gz?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=****"
    "&X-Amz-Date=20260101T000000Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Security-Token=****"
    "&X-Amz-Signature=****"
)


@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize(
    ("url", "shown"),
    [(AWS, AWS_SHOWN),
     ("https://x.blob.core.windows.net/c/f?sv=2024-01-01&se=2026-01-01T00%3A00%3A00Z&sr=b&sp=r&sig=a%2Bb%3D",
      "https://x.blob.core.windows.net/c/f?sv=2024-01-01&se=2026-01-01T00%3A00%3A00Z&sr=b&sp=r&sig=****"),
     ("https://h/f?Expires=1&Signature=a~b-c_&Key-Pair-Id=K1&Policy=eyJ9", "https://h/f?Expires=1&Signature=****&Key-Pair-Id=K1&Policy=****"),
     ("https://h/a?api_key=1&apiKey=2&API-KEY=3&key=4&monkey=5", "https://h/a?api_key=****&apiKey=****&API-KEY=****&key=****&monkey=5"),
     ("https://h/a?page_token=abc&next_token=d&token=e#access_token=f&x=1", "https://h/a?page_token=abc&next_token=d&token=****#access_token=****&x=1"),
     ("https://me:pw@h:1/a?b=c", "https://****@h:1/a?b=c"),
     ("https://h/a?to=https%3A%2F%2Fs%2Ff%3Fsig%3Dabc%26b%3Dc", "https://h/a?to=https%3A%2F%2Fs%2Ff%3Fsig%3D****%26b%3Dc"),
     ("https://h/a?token=", "https://h/a?token="), ("https://h/", "https://h/"), ("nothing", "nothing"), ("", "")],
)  # fmt: skip
@pytest.mark.seed("B63")
def test_of_an_address_only_signatures_and_tokens_are_masked(url: str, shown: str, secret: bool) -> None:
    assert Redactor().url(url, secret) == shown


@pytest.mark.seed("B63")
def test_an_address_that_is_itself_the_key_stays_readable_too() -> None:
    url = "https://files.x.com/exports/7/part-1.csv.gz?h=Zm9vYmFyMTIzNDU2Nzg5MGFiY2Q%3D&until=1790000000&name=contacts"

    assert (
        Redactor().url(url, secret=True) == "https://files.x.com/exports/7/part-1.csv.gz?h=****&until=1790000000&name=contacts"
    )
    assert Redactor().url(url) == url


@pytest.mark.parametrize(
    ("text", "shown"),
    [(json.dumps({"urls": [AWS, "https://h/f?x=1"]}), json.dumps({"urls": [AWS_SHOWN, "https://h/f?x=1"]})),
     ('{"url":"https:\\/\\/h\\/f?x=1\\u0026sig=a\\/b\\u002Bc\\u0026y=2"}', '{"url":"https:\\/\\/h\\/f?x=1\\u0026sig=****\\u0026y=2"}'),
     ("<u>https://h/f?x=1&amp;sig=abc&amp;y=2</u>", "<u>https://h/f?x=1&amp;sig=****&amp;y=2</u>"),
     ("grant_type=refresh_token&client_secret=abc&refresh_token=def", "grant_type=refresh_token&client_secret=****&refresh_token=****"),
     ("see https://h/f?sig=abc now", "see https://h/f?sig=**** now"),
     ("Authorization: Basic bWU6c2VjcmV0LXBhc3N3b3Jk", "Authorization: Basic ****"),
     ("Bearer eyJhbGciOi.J9.abc expired", "Bearer **** expired"),
     ("Basic authentication is required, Bearer tokens are not", "Basic authentication is required, Bearer tokens are not"),
     ('{"status":"ready","key":"value","a=b":1}', '{"status":"ready","key":"value","a=b":1}')],
)  # fmt: skip
def test_addresses_within_bodies(text: str, shown: str) -> None:
    assert Redactor().body(text.encode()) == shown == Redactor().text(shown)


def test_headers() -> None:
    shown = Redactor(("s3cret",)).headers(
        {
            "AUTHORIZATION": "Bearer x",
            "Cookie": "a",
            "X-Own": "y",
            "Location": "https://h/f?sig=1",
            "Idempotency-Key": "k-1",
            "A": "is s3cret",
        },
        credentials=("x-own",),
    )

    assert shown == {"AUTHORIZATION": MASK, "Cookie": MASK, "X-Own": MASK, "Location": "https://h/f?sig=****",
                     "Idempotency-Key": "k-1", "A": "is ****"}  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.integers(-40, 5), st.sampled_from(["plain", "json", "percent", "base64", "json in percent"]))
def test_a_secret_across_the_border_of_what_is_shown(shift: int, form: str) -> None:
    secret = "päss-wörd-123456"
    coded = FORMS[form](secret)
    raw = (" " * (SHOWN + shift)).encode() + coded.encode() + b" " * 10_000

    shown = Redactor((secret,)).body(raw)

    assert shown.endswith(f" (truncated, {len(raw)} bytes)") and len(shown) < SHOWN + 100
    assert not any(coded[:n] in shown for n in (4, 6, len(coded)))


def test_a_body_in_any_bytes_is_shown() -> None:
    assert Redactor(("s3cret",)).body(b"\xff\xfe s3cret \x00") == "\ufffd\ufffd **** \x00"


def test_learnt_tokens_are_masked_and_learnt_addresses_stay_readable() -> None:
    redactor = Redactor()
    redactor.learn("t0ken-1", None, 7, "https://h/p?sig=abc")
    redactor.learn("t0ken-1")

    assert redactor.text("t0ken-1 at https://h/p?sig=abc") == "**** at https://h/p?sig=****"


def test_a_secret_that_is_an_address_is_a_secret() -> None:
    assert Redactor(("https://h/hook/1",)).text("at https://h/hook/1") == "at ****"


def test_ten_thousand_polls_with_nothing_to_hide_are_cheap() -> None:
    redactor = Redactor(("SG.a-key-of-an-api-that-is-long", "client-secret-value"))
    body = json.dumps({"id": "0123456789", "status": "pending", "links": ["none"] * 40}).encode()
    headers = {f"x-header-{i}": "a value of some length; charset=utf-8" for i in range(8)}
    began = time.process_time()

    for i in range(2000):
        redactor.url(f"https://api.example.com/v3/exports/{i}?limit=10")
        redactor.headers(headers)
        redactor.body(body)

    assert (time.process_time() - began) / 2000 < 300e-6
