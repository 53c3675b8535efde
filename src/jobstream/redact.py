"""What may be shown: values that the plan calls secret never are."""

from __future__ import annotations

from urllib.parse import urlsplit

SHOWN = 1 << 16  # bytes of a body
_SECRET_HEADERS = frozenset(("authorization", "cookie", "set-cookie", "proxy-authorization", "x-api-key"))


class Redactor:
    """Knows the values that must not be seen. Learns tokens and signed links when they are met."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._secrets = {s for s in secrets if len(s) >= 4}

    def learn(self, *values: object) -> None:
        self._secrets |= {v for v in values if isinstance(v, str) and len(v) >= 4}

    def text(self, text: str) -> str:
        for s in self._secrets:
            text = text.replace(s, "****")
        return text

    def body(self, raw: bytes) -> str:
        shown = self.text(raw[:SHOWN].decode("utf-8", "replace"))
        return shown + ("" if len(raw) <= SHOWN else f" (truncated, {len(raw)} bytes)")

    def url(self, url: str, secret: bool = False) -> str:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}/****" if secret else self.text(url)

    def headers(self, headers: dict[str, str]) -> dict[str, str]:
        return {k: "****" if k.lower() in _SECRET_HEADERS else self.text(v) for k, v in headers.items()}
