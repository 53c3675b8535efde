"""PATCH: operations of JSON Patch (RFC 6902) on the few places that may be changed so."""

from __future__ import annotations

import copy
import re
from typing import Any, cast

from jobstream.api.kinds import Kind
from jobstream.api.problem import Problem, Refusal

_OPERATIONS = ("replace", "add", "remove", "test")


def patched(kind: Kind, document: dict[str, Any], operations: list[Any]) -> dict[str, Any]:
    """A changed copy. Raises Refusal: 400 for what is no operation, 422 for every place that may not be changed."""
    paths = [_path(o) for o in operations]
    allowed = [re.compile(re.escape(p).replace(r"\*", "[0-9]+")) for p in kind.patchable]
    refused = [p for p in paths if not any(a.fullmatch(p) for a in allowed)]
    if refused:
        raise Refusal(
            422, *(Problem("invalid_field", f"{p or 'The whole document'} cannot be changed by PATCH.", p) for p in refused)
        )
    from jsonpath import JSONPatch
    from jsonpath.exceptions import JSONPatchError, JSONPointerError

    try:
        changed = JSONPatch(operations).apply(copy.deepcopy(document))
    except (JSONPatchError, JSONPointerError) as e:
        raise Refusal(422, *(Problem("invalid_field", f"The operations do not fit: {e}.", p) for p in paths[:1])) from e
    return cast("dict[str, Any]", changed)  # the paths lie within the object


def _path(operation: Any) -> str:
    fits = isinstance(operation, dict) and operation.get("op") in _OPERATIONS and isinstance(operation.get("path"), str)
    if not fits or (operation["op"] != "remove" and "value" not in operation):
        text = f"An operation is an object with op ({', '.join(_OPERATIONS)}), path and, but for remove, value."
        raise Refusal(400, Problem("invalid_body", text))
    return str(operation["path"])
