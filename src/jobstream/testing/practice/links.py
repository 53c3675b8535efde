"""Links that carry their signature and end: parameters as Amazon's presigned URLs have them."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

_SECRET = b"practice"


class Links:
    """Each link has a number of its own, so that its uses can be counted."""

    def __init__(self) -> None:
        self.made = 0
        self.uses: Counter[str] = Counter()

    def sign(self, path: str, now: float, seconds: float, uses: int) -> str:
        """Path and query. X-Amz-Expires is whole seconds, rounded up; `until` (milliseconds since the epoch) is what holds.
        uses: 0 is any number."""
        self.made += 1
        date = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"PRACTICE{self.made:08d}/{date[:8]}/us-east-1/s3/aws4_request",
            "X-Amz-Date": date,
            "X-Amz-Expires": str(math.ceil(seconds)),
            "X-Amz-SignedHeaders": "host",
            "until": str(int((now + seconds) * 1000)),
        }
        if uses:
            query["uses"] = str(uses)
        return f"{path}?{urlencode({**query, 'X-Amz-Signature': _signature(path, query)})}"

    def fault(self, path: str, query: Mapping[str, str], now: float) -> tuple[str, str] | None:
        """Code and message of what is wrong with the link, None for a good one; a good one is used by this."""
        signed = {k: v for k, v in query.items() if k != "X-Amz-Signature"}
        if not hmac.compare_digest(query.get("X-Amz-Signature", "").encode(), _signature(path, signed).encode()):
            return "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."
        if now * 1000 >= int(query["until"]):
            return "AccessDenied", "Request has expired"
        number = query["X-Amz-Credential"]
        self.uses[number] += 1
        if "uses" in query and self.uses[number] > int(query["uses"]):
            return "AccessDenied", "Request has been used"
        return None


def _signature(path: str, query: Mapping[str, str]) -> str:
    """Over the decoded query, in order of the names: a client may write it otherwise."""
    return hmac.new(_SECRET, f"{path}\n{urlencode(sorted(query.items()))}".encode(), hashlib.sha256).hexdigest()
