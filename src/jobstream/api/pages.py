"""The page of compatibility, read off the forms and the routes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict

from jobstream.api.forms.marks import Hidden, Refers, Refused, required_of
from jobstream.api.forms.token import AccessTokenRequest
from jobstream.api.kinds import KINDS
from jobstream.api.routes import Route

_HEAD = """# Celigo's API: what is here

The resources of integrator.io that concern async helpers, over the same addresses, with the same bodies. This page is made from the
forms and the routes themselves (`jobstream.api.pages`). What is sent and not named here is dropped, without an error.

## Routes

Every route but `/openapi.json` needs a bearer token. Errors have the envelope `{"errors": [{"code", "message", "field"?, "source"?}]}`;
a 401 alone is bare: `{"message": ...}`.

| method | address | what | answers | scope |
|---|---|---|---|---|
"""
_FIELDS = """
Not here yet, and therefore 404: runs (`/v1/exports/{_id}/invoke`, `/v1/flows/{_id}/run`), `/v1/jobs`, errors of steps,
`/v1/connections/{_id}/ping` and the virtual steps below a connection, `/v1/state`, `/v1/scripts`, `/v1/iclients`.

## Fields

*needed*: a document without it is refused with `missing_required_field`. *kept*: stored and returned. *secret*: stored sealed, returned as
`******`, and `******` sent back means the one that is stored. *names ...*: the id of a resource of that kind, which must be there; else
`invalid_ref`. *refused*: a document that has it, with a value that says something, is refused with its name (`invalid_field`). Another type
than the one in `/openapi.json` is refused with `invalid_field`; nothing is converted.
"""
_READINGS = """
## Where Celigo's documents are silent

| question | here |
|---|---|
| malformed id on DELETE and on `/dependencies` | 400 `invalid_ref`, as on GET |
| missing field; null for a field that is needed; empty `name` or `statusPath` | 422 `missing_required_field`, one entry each; of a missing object only the object |
| reference to what is missing, deleted, malformed, of another kind or another account's | 422 `invalid_ref` with the place |
| `resourcePath` missing while `sameAsStatus` is false | accepted |
| PATCH of a helper | every operation 422 `invalid_field` with its path; no array 400; `[]` 204 |
| null for a field that may be left out | 422 `invalid_field`: leave it out |
| empty value lists | accepted |
| wait times | minutes, as a number or text that is one; never returned if never sent |
| `createdAt` | on every neighbour, not on helpers |
| unknown address | 404, code `not_found`; a method that an address has not: 405 |
| body of another type than JSON; too large (5 MB); too slow (30 s) | 415; 413; 408 |
| text of the 404 of a deleted resource | `... not found. It was deleted and can be restored from the recycle bin.` |
| an export or import without a connection | accepted; only `name` is needed, as in Celigo's schema |
| default of a flow's `disabled` | false, always returned |
| `http.headers` | a value whose header's name speaks of a secret is one, unless it holds a template; known again by its name, wherever it stands |
| `******` for a secret that is not stored | 422 `invalid_field` |
| `doCascadeRestore` | brings back what was deleted in the same request, and whatever in the bin the restored documents name |
| deleting an integration | its flows go with it |
| dependents of a deleted resource | still told, so that one sees what it broke |
| answer of `/clone` | 201 with `[{"model", "_id"}]` of all that was made, the copy first; secrets are copied too |
| access tokens with lists of ids | they read and run these resources and nothing else; a token is restored by no bin |
| `_userId` of `tokenInfo` | stands for the account; `_byUserId` of the audit log is the id of the token |
| rate limit | off; `serve --rate-limit 300` is Celigo's: 1,000 at once, then 300 a second |
| scopes | `run` and `manage` each include `read`, and neither the other; all three are an owner's, who alone sees and changes tokens |
"""
_FORMS: tuple[tuple[str, type], ...] = (*((k.tag, k.form) for k in KINDS.values()), ("Access tokens", AccessTokenRequest))


def compatibility(routes: Sequence[Route]) -> str:
    """docs/compat/celigo.md, whole."""
    parts = [_HEAD, "\n".join(_route(r) for r in routes), "\n", _FIELDS]
    for title, form in _FORMS:
        rows = "\n".join(f"| `{path}` | {here} | {note} |" for path, here, note in _rows(form, form, ()))
        parts.append(f"\n### {title}\n\n| field | here | note |\n|---|---|---|\n{rows}\n")
    return "".join([*parts, _READINGS])


def _route(r: Route) -> str:
    o = r.operation
    scope = "owner" if r.path.startswith("/v1/accesstokens") else "any" if r.method == "GET" else "manage"
    return f"| {r.method} | `{r.path}` | {o.summary} | {', '.join([*o.answers, *o.refuses])} | {scope} |"


def _rows(form: type, hint: Any, at: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """(path, what happens to it, note) of each field that is no mere holder."""
    for name, inner in get_type_hints(hint, include_extras=True).items():
        told, holder, many = _unwrapped(inner)
        path = (*at, name)
        if holder is not None:
            yield from _rows(form, holder, (*path, "*") if many else path)
        else:
            needed = "needed, " if path in required_of(form) else ""
            yield ".".join(path).replace(".*", "[]"), needed + _here(told), _note(told)


def _unwrapped(hint: Any) -> tuple[list[Any], type | None, bool]:
    """All that is annotated, the form inside, and whether it is a list."""
    told: list[Any] = []
    many = False
    while not is_typeddict(hint) and get_args(hint) and get_origin(hint) is not dict:
        many = many or get_origin(hint) is list
        if get_origin(hint) is Annotated:
            told += get_args(hint)[1:]
        hint = get_args(hint)[0]
    return told, hint if is_typeddict(hint) else None, many


def _here(told: list[Any]) -> str:
    for mark in told:
        match mark:
            case Refers():
                return f"names {mark.kind}"
            case Hidden():
                return "secret where the header is one" if mark.header else "secret"
            case Refused():
                return "refused"
    return "kept"


def _note(told: list[Any]) -> str:
    notes = [m.why for m in told if isinstance(m, Refused)]
    notes += [m.description for m in told if isinstance(m, FieldInfo) and m.description]
    return " ".join(notes).replace("|", "\\|")
