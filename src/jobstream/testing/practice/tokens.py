"""OAuth tokens: access tokens that expire, refresh tokens that work once."""

from __future__ import annotations

import hashlib

from jobstream.testing.practice.config import PracticeConfig


class Tokens:
    """A refresh token is spent by its use; shown again it is refused and counted."""

    def __init__(self, config: PracticeConfig) -> None:
        self._config = config
        self._live: dict[str, float] = {}
        self._refresh = {config.refresh_token}
        self._spent: set[str] = set()
        self._n = 0

    def is_live(self, token: str, now: float) -> bool:
        return self._live.get(token, 0.0) > now

    def grant(self, now: float) -> str:
        """A new access token."""
        token = self._new("access")
        self._live[token] = now + self._config.token_seconds * self._config.time_scale
        return token

    def refresh(self, token: str) -> str | None:
        """The next refresh token in the place of this one; None where it is spent or unknown."""
        if token not in self._refresh:
            return None
        self._refresh.discard(token)
        self._spent.add(token)
        fresh = self._new("refresh")
        self._refresh.add(fresh)
        return fresh

    def is_spent(self, token: str) -> bool:
        return token in self._spent

    def _new(self, what: str) -> str:
        self._n += 1
        return f"practice-{what}-{hashlib.sha256(f'{self._config.seed}/{what}/{self._n}'.encode()).hexdigest()[:24]}"
