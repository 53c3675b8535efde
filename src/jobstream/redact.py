"""What may be shown: values that the plan calls secret never are.

In addresses the values of parameters that carry a signature or a token are masked; scheme, host, path and the names of
parameters stay readable everywhere, for people must be able to check them.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

SHOWN = 1 << 16  # bytes of a body
MASK = "****"
LEAST = 4  # characters; a shorter secret would mask half of everything
_CODED = 6  # characters from which a secret is looked for within base64 too

#: Parameters whose value is masked, in any case, with or without `-`, `_` and `.` between their words. `Expires`,
#: `X-Amz-Date`, `se` and all others stay, and so do the tokens of pages (`page_token`, `next_token`, `cursor`).
PARAMETERS = frozenset(str.split("""
    signature sig sign xamzsignature xgoogsignature xosssignature hmac
    xamzsecuritytoken xosssecuritytoken xgoogsecuritytoken securitytoken
    xamzcredential xgoogcredential xosscredential credential awsaccesskeyid googleaccessid ossaccesskeyid policy
    token accesstoken refreshtoken idtoken authtoken apitoken sastoken sessiontoken sessionid jwt assertion clientassertion
    key apikey xapikey accesskey secretkey subscriptionkey authkey
    auth authorization secret clientsecret appsecret password passwd pwd passphrase
"""))  # fmt: skip

#: Headers whose whole value is masked.
HEADERS = frozenset(str.split("""
    authorization proxy-authorization cookie set-cookie x-api-key api-key apikey x-apikey x-auth-token x-auth-key x-access-token
    x-amz-security-token x-goog-api-key x-goog-iam-authorization-token x-csrf-token x-xsrf-token x-shopify-access-token
    private-token ocp-apim-subscription-key x-functions-key x-vault-token x-session-token x-session-id
"""))  # fmt: skip

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_NAME = r"([A-Za-z][A-Za-z0-9_.\-]{1,60})"
#: name=value after ?, &, ; or #, as it stands, or with the & escaped in JSON or XML; and the same once more percent-encoded,
#: as an address within an address is.
_PLAIN = re.compile(
    r"(?:[?&;#]|\\u0026|\\u003[fF]|^)" + _NAME + r"(?:=|\\u003[dD])"
    r"((?:[^&\s\"'<>#\\]|\\/|\\u(?!0026|003[cCeE]|002[27])[0-9a-fA-F]{4})+)"
)
_NESTED = re.compile(r"(?:%3[fF]|%26|%23)" + _NAME + r"%3[dD]((?:(?!%26|%23|%22)[^&\s\"'<>#\\])+)")
_USER = re.compile(r"(?:(?<=://)|(?<=:\\/\\/))[^/\s@\"'<>?#\\]+(?=@)")
_SCHEME = re.compile(r"\b((?i:Basic|Bearer))( +|%20)(?=[^\s]{0,200}[0-9A-Z])([A-Za-z0-9+/_.~=-]{16,})")
#: A value that may be a key, whatever its parameter is called: 24 and more characters of one word, letters and digits.
_KEYLIKE = re.compile(
    r"(?<==)(?!\d{4}-\d\d-)(?=[^&#]*\d)(?=[^&#]*[A-Za-z])(?:[A-Za-z0-9+/_~=-]|%2[BbFf]|%3[Dd]){24,}(?=[&#]|$)"
)
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_JSON = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[\"\\/bfnrt]")
_XML = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos);")
_DEEP = 2  # encodings within each other

Span: TypeAlias = tuple[int, int]
Undo: TypeAlias = Callable[[str], list[tuple[str, int]]]  # an escape -> (character, how much of the escape it takes)


class Redactor:
    """Knows the values that must not be seen. Learns tokens and signed links when they are met.

    A secret is found as it stands, escaped as JSON or XML has it, percent-encoded in whole or in part, and within base64 (a
    Basic header). Masking what is masked changes nothing."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._secrets = set[str]()
        self._forms: tuple[str, ...] = ()
        self._margin, self._blank = 0, False
        self._know(set(secrets))

    def learn(self, *values: object) -> None:
        """Addresses are left out: what is secret in them is masked in any case, and the rest must stay readable."""
        self._know({v for v in values if isinstance(v, str) and not _ADDRESS.match(v)})

    def _know(self, values: set[str]) -> None:
        new = {v for v in values if len(v) >= LEAST and v.strip("*")}
        if new <= self._secrets:
            return
        self._secrets |= new
        self._forms = tuple({f for s in self._secrets for f in (s, *(_base64(s) if len(s) >= _CODED else ()))})
        self._margin = 12 * max(map(len, self._secrets))  # a character is at most 12 bytes when it is encoded
        self._blank = any(" " in s for s in self._secrets)

    def text(self, text: str) -> str:
        """Without secrets, and without the signatures of the addresses in it."""
        while (once := self._once(text)) != text:
            text = once
        return text

    def body(self, raw: bytes) -> str:
        """The first SHOWN bytes. A secret that lies across that border does not show its first half."""
        if len(raw) <= SHOWN:
            return self.text(raw.decode("utf-8", "replace"))
        shown = self.text(raw[: SHOWN + self._margin].decode("utf-8", "replace"))
        return f"{shown[: max(0, len(shown) - self._margin)]} (truncated, {len(raw)} bytes)"

    def url(self, url: str, secret: bool = False) -> str:
        """secret: the address is itself the key to what lies there, so whatever looks like a key is masked too."""
        shown = self.text(url)
        return self.text(_KEYLIKE.sub(MASK, shown)) if secret else shown

    def headers(self, headers: dict[str, str], credentials: Iterable[str] = ()) -> dict[str, str]:
        """credentials: names of headers that signing has added."""
        hidden = HEADERS.union(map(str.lower, credentials))
        return {k: MASK if k.lower() in hidden else self.text(v) for k, v in headers.items()}

    def _once(self, text: str) -> str:
        if self._secrets:
            spans = self._spans(text, _DEEP)
            if spans:
                text = _masked(text, spans)
        if "=" in text or "%3" in text or "\\u003" in text:
            text = _NESTED.sub(_parameter, _PLAIN.sub(_parameter, text))
        if "@" in text:
            text = _USER.sub(MASK, text)
        return _SCHEME.sub(rf"\1\2{MASK}", text) if any(w in text for w in ("asic", "earer", "ASIC", "EARER")) else text

    def _spans(self, text: str, deep: int) -> list[Span]:
        spans = [
            span if form in self._secrets else _token(text, *span)
            for form in self._forms
            if form in text
            for span in _found(form, text)
        ]
        for pattern, undo, source in self._escapes(text) if deep else ():
            seen, at = _viewed(pattern, source, undo)
            if seen != text:
                spans += [(at[a], at[b]) for a, b in self._spans(seen, deep - 1)]
        return spans

    def _escapes(self, text: str) -> Iterator[tuple[re.Pattern[str], Undo, str]]:
        if self._blank and "+" in text:
            yield _PERCENT, _of_percent, text.replace("+", " ")
        if "%" in text:
            yield _PERCENT, _of_percent, text
        if "\\" in text:
            yield _JSON, _of_json, text
        if "&" in text and ";" in text:
            yield _XML, _of_xml, text


def _parameter(m: re.Match[str]) -> str:
    hidden = re.sub(r"[-_.]", "", m[1]).lower() in PARAMETERS
    return m[0][: m.start(2) - m.start()] + MASK if hidden else m[0]


def _base64(secret: str) -> Iterable[str]:
    """What a secret looks like within base64, at each of the three places where it may begin: the characters that do not
    depend on its neighbours."""
    raw = secret.encode("utf-8", "replace")
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw)[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6].decode()
        yield coded
        yield coded.translate({43: "-", 47: "_"})


def _token(text: str, a: int, b: int) -> Span:
    """With the neighbours in the same base64 word, which hold the rest of its bits."""
    word = re.compile(r"[A-Za-z0-9+/=]*" if "+" in text[a:b] or "/" in text[a:b] else r"[A-Za-z0-9_=-]*")
    before = word.match(text[:a][::-1])
    after = word.match(text, b)
    return a - (before.end() if before else 0), after.end() if after else b


def _found(form: str, text: str) -> list[Span]:
    """Every place, overlapping ones too."""
    spans, at = list[Span](), text.find(form)
    while at >= 0:
        spans.append((at, at + len(form)))
        at = text.find(form, at + 1)
    return spans


def _masked(text: str, spans: list[Span]) -> str:
    out, end = list[str](), 0
    for a, b in sorted(spans):
        if a >= end:
            out += (text[end:a], MASK)
        end = max(end, b)
    return "".join(out) + text[end:]


def _viewed(pattern: re.Pattern[str], text: str, undo: Undo) -> tuple[str, list[int]]:
    """The text with its escapes undone; where each of its characters, and its end, begins in `text`."""
    out, at, end = list[str](), list[int](), 0
    for m in pattern.finditer(text):
        out.append(text[end : m.start()])
        at += range(end, m.start())
        end = m.start()
        for character, width in undo(m[0]):
            out.append(character)
            at.append(end)
            end += width
    out.append(text[end:])
    at += range(end, len(text) + 1)
    return "".join(out), at


def _of_percent(escapes: str) -> list[tuple[str, int]]:
    """A byte that is no UTF-8 stands for itself."""
    text = bytes.fromhex(escapes.replace("%", "")).decode("utf-8", "surrogateescape")
    return [(c, 3 * len(c.encode("utf-8", "surrogateescape"))) for c in text]


def _of_json(escape: str) -> list[tuple[str, int]]:
    return [(json.loads(f'"{escape}"'), len(escape))]


def _of_xml(escape: str) -> list[tuple[str, int]]:
    """Some numbers name no character: an empty view would have no place, so they stand for the unknown one."""
    return [(html.unescape(escape)[:1] or "\ufffd", len(escape))]
