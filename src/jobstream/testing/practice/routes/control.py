"""`/_practice/...`: what was seen, what shall go wrong, and a new start."""

from __future__ import annotations

from typing import Any

import msgspec

from jobstream.errors import UsageError
from jobstream.testing.practice.config import config_from
from jobstream.testing.practice.faults import KINDS
from jobstream.testing.practice.reply import Asked, Reply, as_json
from jobstream.testing.practice.state import Practice


async def report(practice: Practice, asked: Asked) -> Reply:
    """`?brief=1`: without a line for each job."""
    return as_json(practice.report(brief=asked.query.get("brief") not in (None, "", "0")))


async def faults(practice: Practice, asked: Asked) -> Reply:
    """GET: in force, and what there is. POST: a list of faults (texts or objects), in the place of those in force; with `?add=1`
    beside them."""
    if asked.method == "POST":
        try:
            given = msgspec.json.decode(asked.body or b"[]")
            wanted = config_from(given if isinstance(given, list) else {"faults": given.get("faults", [])}).faults
        except (msgspec.DecodeError, UsageError, AttributeError) as e:
            return as_json({"error": str(e)}, 400)
        practice.faults.set([*practice.faults.all, *wanted] if asked.query.get("add") else wanted)
    known = {k.name: k.help for k in KINDS.values()}
    return as_json({"faults": practice.faults.all, "known": known})


async def reset(practice: Practice, asked: Asked) -> Reply:
    """As after the start. A body changes the config: any of its fields but the addresses; faults are replaced if named."""
    try:
        changes: dict[str, Any] = msgspec.json.decode(asked.body or b"{}", type=dict[str, Any])
        now = msgspec.to_builtins(practice.config)
        fixed = {k: now[k] for k in ("host", "port", "files_port", "elsewhere_port") if k in now}
        config = config_from({**now, **changes, **fixed})
    except (msgspec.DecodeError, UsageError) as e:
        return as_json({"error": str(e)}, 400)
    practice.reset(config)
    return as_json({"reset": True})


async def finish(practice: Practice, asked: Asked) -> Reply:
    """What is pending comes to its end now."""
    practice.finish()
    return as_json({"finished": True})
