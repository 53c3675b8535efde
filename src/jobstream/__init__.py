"""jobstream turns APIs that answer with a job into streams of records. What a user may import stands here."""

from __future__ import annotations

__version__ = "0.1.0"
