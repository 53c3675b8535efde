"""Every route, in the words of the reference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from jobstream.api.audit import Log
from jobstream.api.bin import Recycled
from jobstream.api.description import AUDITED, AUDITED_ALL, PAGES, Operation, many, ref
from jobstream.api.kinds import KINDS, Kind
from jobstream.api.resources import Resources
from jobstream.api.tokens import AccessTokens
from jobstream.documents.store.store import Store

Handler = Callable[[Request], Awaitable[Response]]
_BIN = "/v1/recycleBinTTL"
_GONE = {"204": ("Done.", None)}


class Route(NamedTuple):
    method: str
    path: str
    handler: Handler
    operation: Operation


def routes_of(store: Store, now: Callable[[], float]) -> Iterator[Route]:
    """now: epoch seconds."""
    for kind in KINDS.values():
        yield from _kind(kind, Resources(kind, store))
    yield from _bin(Recycled(store))
    yield from _tokens(AccessTokens(store, now))
    entries = {"200": ("Entries, newest first.", many(ref("AuditEntry"))), "204": ("None.", None)}
    yield Route(
        "GET",
        "/v1/audit",
        Log(store).all,
        Operation("listAudit", "Audit", "List changes", entries, ("400",), query=AUDITED_ALL),
    )


def _kind(kind: Kind, on: Resources) -> Iterator[Route]:
    all_of, one_of = f"/v1/{kind.name}", f"/v1/{kind.name}/{{_id}}"
    tag, model, plural = kind.tag, kind.model, f"{kind.model}s"
    one, body, words = ref(model), ref(f"{model}Request"), kind.tag.lower()
    a_word = f"{'an' if words[0] in 'aei' else 'a'} {words[:-1]}"
    listed = {"200": (f"The {words} of the account.", many(one)), "204": (f"There are no {words}.", None)}
    id = ("_id",)

    yield Route("GET", all_of, on.all, Operation(f"list{plural}", tag, f"List {words}", listed, ("400",) if kind.lists else (),
                query=PAGES if kind.lists else ()))  # fmt: skip
    yield Route("POST", all_of, on.create, Operation(f"create{model}", tag, f"Create {a_word}", {"201": ("Created.", one)},
                ("400", "422"), body))  # fmt: skip
    yield Route("GET", one_of, on.get, Operation(f"get{model}ById", tag, f"Get {a_word}", {"200": ("The resource.", one)},
                ("400", "404"), path=id))  # fmt: skip
    yield Route("PUT", one_of, on.replace, Operation(f"update{model}", tag, f"Update {a_word}",
                {"200": ("Replaced, as a whole.", one)}, ("400", "404", "422"), body, path=id))  # fmt: skip
    yield Route("PATCH", one_of, on.patch, Operation(f"patch{model}", tag, f"Change single fields of {a_word}", _GONE,
                ("400", "404", "422"), ref("Patch"), path=id))  # fmt: skip
    yield Route(
        "DELETE", one_of, on.delete, Operation(f"delete{model}", tag, f"Delete {a_word}", _GONE, ("400", "404"), path=id)
    )
    yield Route("GET", f"{one_of}/dependencies", on.dependencies, Operation(f"list{model}Dependencies", tag,
                f"List dependencies of {a_word}", {"200": ("What names it.", ref("DependencyResponse"))}, ("400",), path=id))  # fmt: skip
    entries = {"200": ("Entries, newest first.", many(ref("AuditEntry"))), "204": ("None.", None)}
    yield Route("GET", f"{one_of}/audit", on.audit, Operation(f"list{model}Audit", tag, f"List changes of {a_word}", entries,
                ("400", "404"), query=AUDITED, path=id))  # fmt: skip
    if kind.copies:
        yield Route("POST", f"{one_of}/clone", on.clone, Operation(f"clone{model}", tag, f"Clone {a_word}",
                    {"201": ("What was made.", ref("CloneResponse"))}, ("400", "404", "422"), ref("CloneRequest"), path=id))  # fmt: skip


def _bin(on: Recycled) -> Iterator[Route]:
    tag, typed, one = "Recycle bin", f"{_BIN}/{{type}}", f"{_BIN}/{{type}}/{{_id}}"
    both = ("type", "_id")
    found = {"200": ("What is in it.", many(ref("RecycledResource"))), "204": ("It is empty.", None)}
    of_type = {"200": ("Documents as they were deleted.", many({"type": "object"})), "204": ("There are none.", None)}
    yield Route("GET", _BIN, on.all, Operation("listRecycleBin", tag, "List the recycle bin", found))
    yield Route(
        "GET", typed, on.of_type, Operation("listRecycleBinByType", tag, "List one type", of_type, ("404",), path=("type",))
    )
    yield Route("GET", one, on.get, Operation("getRecycled", tag, "Get a deleted resource", {"200": ("As it was.", {"type": "object"})},
                ("400", "404"), path=both))  # fmt: skip
    yield Route(
        "POST", one, on.restore, Operation("restoreRecycled", tag, "Restore a resource", _GONE, ("400", "404"), path=both)
    )
    yield Route("POST", f"{one}/doCascadeRestore", on.restore_all, Operation("cascadeRestoreRecycled", tag,
                "Restore a resource and what belongs to it", _GONE, ("400", "404"), path=both))  # fmt: skip
    yield Route("DELETE", one, on.purge, Operation("purgeRecycled", tag, "Delete for good", _GONE, ("400", "404"), path=both))


def _tokens(on: AccessTokens) -> Iterator[Route]:
    tag, all_of, one_of = "Access tokens", "/v1/accesstokens", "/v1/accesstokens/{_id}"
    one, body, id = ref("AccessToken"), ref("AccessTokenRequest"), ("_id",)
    listed = {"200": ("The tokens of the account.", many(one)), "204": ("There are none.", None)}
    yield Route(
        "GET",
        "/v1/tokenInfo",
        on.info,
        Operation("getTokenInfo", tag, "What this token is", {"200": ("It.", ref("TokenInfo"))}),
    )
    yield Route("GET", all_of, on.all, Operation("listAccessTokens", tag, "List access tokens", listed))
    yield Route("POST", all_of, on.create, Operation("createAccessToken", tag, "Create an access token",
                {"201": ("Created; its text is told this once.", one)}, ("400", "422"), body))  # fmt: skip
    yield Route("GET", one_of, on.get, Operation("getAccessTokenById", tag, "Get an access token", {"200": ("It.", one)},
                ("400", "404"), path=id))  # fmt: skip
    yield Route("PUT", one_of, on.replace, Operation("updateAccessToken", tag, "Update or revoke an access token",
                {"200": ("Replaced.", one)}, ("400", "404", "422"), body, path=id))  # fmt: skip
    yield Route("DELETE", one_of, on.delete, Operation("deleteAccessToken", tag, "Delete a revoked token", _GONE,
                ("400", "404", "422"), path=id))  # fmt: skip
