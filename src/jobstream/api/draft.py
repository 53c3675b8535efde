"""A document at the door: checked against its form, its references and secrets found, its secrets taken out."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Container
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from jobstream.api.forms.marks import Hidden, Object, Place, Refers, is_secret_header, marks_of, places, required_of
from jobstream.api.kinds import Kind
from jobstream.api.problem import Problem, Refusal
from jobstream.documents.store.ids import object_id
from jobstream.documents.store.resource import STARS, Draft, Reference, Secret


def draft_of(kind: Kind, value: Object) -> Draft:
    """Raises Refusal (422) with every mistake."""
    document = {**kind.defaults, **checked(kind.form, value)}
    if problems := list(kind.checks(document)):
        raise Refusal(422, *problems)
    return Draft(document, tuple(references_in(kind.form, document)), tuple(_secrets(kind.form, document)))


def checked(form: type, value: Object) -> Object:
    """What of a value its form knows. Raises Refusal (422) with every mistake."""
    try:
        document: Object = _adapter(form).validate_python(value)
    except ValidationError as e:
        raise Refusal(422, *(_problem(form, m) for m in e.errors(include_url=False))) from e
    return document


@functools.cache
def _adapter(form: type) -> TypeAdapter[Any]:
    return TypeAdapter(form)


def _problem(form: type, mistake: ErrorDetails) -> Problem:
    at = mistake["loc"]
    pattern = tuple("*" if isinstance(part, int) else part for part in at)
    if mistake["type"] == "missing" or (mistake["input"] is None and pattern in required_of(form)):
        field = _path(at)
        return Problem("missing_required_field", f"{field} is required.", field)
    item = at[-1] if at and isinstance(at[-1], int) else None
    field = _path(at if item is None else at[:-1])
    said = mistake["msg"].replace("Input should", "must").replace("be a valid string", "be text")
    where = f"Entry {item} of {field}" if item is not None else field
    return Problem("invalid_field", f"{where} {said}.", field)


def _path(at: tuple[int | str, ...]) -> str:
    path = ""
    for part in at:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def references_in(form: type, document: Object) -> list[Reference]:
    """Every reference; ids in upper case are written in lower case into the document."""
    found: list[Reference] = []
    for marked in marks_of(form):
        if isinstance(marked.mark, Refers):
            for place in places(document, marked.pattern):
                place.put(object_id(place.value) or place.value)
                found.append(Reference(place.path, marked.mark.kind, place.value))
    return found


def _secrets(form: type, document: Object) -> list[Secret]:
    """Taken out of the document: stars stand there afterwards."""
    found: dict[str, Secret] = {}
    for marked in marks_of(form):
        if isinstance(marked.mark, Hidden):
            for place in places(document, marked.pattern):
                if place.value and (not marked.mark.header or is_secret_header(place.holder)):
                    lasting = _lasting(place, marked.mark, found)
                    found[lasting] = Secret(lasting, place.path, place.value)
                    place.put(STARS)
    return list(found.values())


def _lasting(place: Place, mark: Hidden, taken: Container[str]) -> str:
    """Headers are known by their name, wherever they stand in the list; of one name, by their order."""
    if not mark.header:
        return place.path
    stem = f"{place.path.rpartition('[')[0]}[{place.holder['name'].lower()}"
    names = (f"{stem}]" if n == 1 else f"{stem} {n}]" for n in itertools.count(1))
    return next(n for n in names if n not in taken)
