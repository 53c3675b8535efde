"""`jobstream token create|list|revoke`: who may use the REST API."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from jobstream.cli.place import add_place, store_at

if TYPE_CHECKING:
    from jobstream.documents.store.store import Store
    from jobstream.documents.store.tokens import Token

_SCOPES = ("read", "run", "manage")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

EPILOG = """\
examples:
  TOKEN=$(jobstream token create --data here)               everything, in the account `default`, without an end
  jobstream token create --account acme --scope read --expires 30d
  jobstream token list
  jobstream token revoke "$TOKEN"                           or its id; at once, in every server

Scopes: read sees resources; run starts flows and exports, and reads; manage changes resources, and reads.
A token with all three (the default) is an owner's: it also sees and changes tokens over the API.
Only a digest of a token is kept: what `create` prints is not to be seen again."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    actions = parser.add_subparsers(dest="action", metavar="create|list|revoke", required=True)
    create = actions.add_parser("create", help="make a token and print it, alone, on standard output")
    create.add_argument("--account", metavar="NAME", help="whose resources it opens (default: default)", default="default")
    create.add_argument("--scope", metavar="SCOPE", action="append", nargs="+", default=[],
                        help="read, run or manage; repeatable, or with commas (default: all three)")  # fmt: skip
    create.add_argument("--expires", metavar="TIME", type=_span, help="its life, as 30d, 12h, 15m or 90s (default: no end)")
    create.add_argument("--name", default="command line", help="for people")
    listing = actions.add_parser("list", help="what tokens there are, without their text")
    listing.add_argument("--account", metavar="NAME", help="only of this account")
    listing.add_argument("--json", action="store_true", help="one object a line")
    revoke = actions.add_parser("revoke", help="end a token")
    revoke.add_argument("token", help="the token, or its id")
    for action in (create, listing, revoke):
        add_place(action)


def _span(text: str) -> float:
    match = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)([smhdw])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: 30d, 12h, 15m or 90s is wanted")
    return float(match[1]) * _SECONDS[match[2]]


def run(args: argparse.Namespace) -> int:
    return asyncio.run(_with_store(args, {"create": _create, "list": _list, "revoke": _revoke}[args.action]))


async def _with_store(args: argparse.Namespace, act: Callable[[argparse.Namespace, Store], Awaitable[int]]) -> int:
    store = store_at(args, keyed=False)
    try:
        await store.open()
        return await act(args, store)
    finally:
        await store.close()


async def _create(args: argparse.Namespace, store: Store) -> int:
    from jobstream.clock import SystemClock
    from jobstream.documents.store.tokens import Wanted
    from jobstream.errors import UsageError

    asked = [word for group in args.scope for text in group for word in text.replace(",", " ").split()]
    if unknown := [s for s in asked if s not in _SCOPES]:
        raise UsageError(f"no scope is called {unknown[0]}", where="--scope", hint=f"there are {', '.join(_SCOPES)}")
    if not 0 < len(args.account) <= 100:
        raise UsageError("the name of an account has 1 to 100 characters", where="--account")
    scopes = tuple(s for s in _SCOPES if s in asked or not asked)
    ends = int((SystemClock().now() + args.expires) * 1000) if args.expires is not None else None
    _, text = await store.tokens.create(args.account, Wanted(args.name, scopes, ends=ends))
    print(text)
    return 0


async def _list(args: argparse.Namespace, store: Store) -> int:
    from jobstream.clock import SystemClock

    rows = [_shown(t, SystemClock().now()) for t in await store.tokens.all(args.account)]
    if args.json:
        print(*map(json.dumps, rows), sep="\n", end="\n" if rows else "")
    elif rows:
        widths = {k: max(len(k), *(len(str(r[k])) for r in rows)) for k in rows[0]}
        for row in ({k: k.upper() for k in widths}, *rows):
            print("  ".join(str(row[k]).ljust(w) for k, w in widths.items()).rstrip())
    else:
        print("there are no tokens; `jobstream token create` makes one", file=sys.stderr)
    return 0


async def _revoke(args: argparse.Namespace, store: Store) -> int:
    from jobstream.errors import UsageError

    found = await store.tokens.revoke(args.token)
    if found is None:
        raise UsageError("there is no such token", hint="`jobstream token list` shows the ids")
    print(f"revoked {found.id}", file=sys.stderr)
    return 0


def _shown(token: Token, now: float) -> dict[str, Any]:
    state = (
        "revoked" if token.revoked is not None else "ended" if token.ends is not None and token.ends <= now * 1000 else "good"
    )
    return {"id": token.id, "account": token.account, "name": token.name, "scopes": ",".join(token.scopes), "state": state,
            "created": _iso(token.created), "ends": _iso(token.ends) if token.ends is not None else "-"}  # fmt: skip


def _iso(ms: int) -> str:
    import datetime

    return f"{datetime.datetime.fromtimestamp(ms // 1000, datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
