"""What a form says of a field beyond its type: it names a resource, holds a secret, or is refused; and where such fields are.

A form is a TypedDict. Pydantic checks a document against it, keeps what was sent and drops names that it does not know.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, NotRequired, Required, cast, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema
from typing_extensions import is_typeddict

from jobstream.documents.store.resource import STARS

Object = dict[str, Any]
_SECRET_HEADER = re.compile(r"authorization|cookie|token|api-?key|secret|password|credential|signature", re.IGNORECASE)


class Refers(NamedTuple):
    """The field is the id of a resource of this kind, which must be there."""

    kind: str

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "format": "objectId"}


class Hidden(NamedTuple):
    """The value is a secret. header: only where the `name` beside it is that of a header for secrets, and no template stands for it."""

    header: bool = False


class Refused:
    """The field is known, and does not act here; a document that has it is refused with its name."""

    def __init__(self, why: str) -> None:
        self.why = why

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self._refuse, core_schema.any_schema())

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"not": {}, "description": f"Refused: {self.why}."}

    def _refuse(self, value: Any) -> Any:
        """What says nothing, as false, does no harm."""
        if value:
            raise PydanticCustomError("refused", "is not supported: {why}", {"why": self.why})
        return value


def _filled(text: str) -> str:
    if not text:
        raise PydanticCustomError("missing", "Field required")
    return text


def _number(value: Any) -> Any:
    """From 0 on, or text that is; as JSON has it: 3 stays 3."""
    found = value
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            found = float(value)
            found = int(found) if found.is_integer() else found
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < float("inf"):
        raise PydanticCustomError("number", "must be a number from 0 on")
    return found


def _table(value: Any) -> Any:
    if not isinstance(value, dict) and value != STARS:
        raise PydanticCustomError("table", "must be an object of secrets")
    return value


#: Text that is not empty.
Filled = Annotated[str, AfterValidator(_filled), WithJsonSchema({"type": "string", "minLength": 1})]
#: From 0 on.
Number = Annotated[Any, BeforeValidator(_number), WithJsonSchema({"type": "number", "minimum": 0})]
SecretText = Annotated[str, Hidden(), WithJsonSchema({"type": "string", "description": "Comes back as six stars."})]
#: An object of secrets, which comes back as six stars.
SecretTable = Annotated[Any, Hidden(), BeforeValidator(_table), WithJsonSchema({"type": ["object", "string"]})]


REQUIRED = "required"


class Place(NamedTuple):
    """path: as `http.headers[0].value` · holder[key] is the value."""

    path: str
    holder: Any
    key: Any

    @property
    def value(self) -> Any:
        return self.holder[self.key]

    def put(self, value: Any) -> None:
        self.holder[self.key] = value


class Marked(NamedTuple):
    """pattern: names, and "*" for every item of a list."""

    pattern: tuple[str, ...]
    mark: Refers | Hidden | Refused


@functools.cache
def marks_of(form: type) -> tuple[Marked, ...]:
    """Every marked field of a form."""
    return tuple(Marked(pattern, m) for pattern, m in _walk(form, ()) if isinstance(m, Refers | Hidden | Refused))


@functools.cache
def fields_of(form: type) -> tuple[tuple[str, ...], ...]:
    """Every field of a form, holders too, in order."""
    return tuple(dict.fromkeys(pattern for pattern, _ in _walk(form, ()) if pattern and pattern[-1] != "*"))


@functools.cache
def required_of(form: type) -> frozenset[tuple[str, ...]]:
    """The fields that must be there whenever their holder is."""
    return frozenset(pattern for pattern, mark in _walk(form, ()) if mark is REQUIRED)


def _walk(hint: Any, at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(pattern, metadata) of all that is within: of a field whether it is required, then what its annotation says."""
    origin = get_origin(hint)
    if is_typeddict(hint):
        for name, inner in get_type_hints(hint, include_extras=True).items():
            yield (*at, name), None if get_origin(inner) is NotRequired else REQUIRED
            yield from _walk(inner, (*at, name))
    elif origin is Annotated:
        yield from ((at, m) for m in get_args(hint)[1:])
        yield from _walk(get_args(hint)[0], at)
    elif origin is list:
        yield from _walk(get_args(hint)[0], (*at, "*"))
    elif origin in (NotRequired, Required) or origin is not dict:
        for inner in get_args(hint):
            yield from _walk(inner, at)


def places(document: Any, pattern: tuple[str, ...], path: str = "") -> Iterator[Place]:
    """Where a pattern is met in a document."""
    key, *rest = pattern
    found: list[tuple[str, Any]] = []
    if key == "*" and isinstance(document, list):
        found = [(f"{path}[{i}]", i) for i in range(len(document))]
    elif isinstance(document, dict) and key in document:
        found = [(f"{path}.{key}" if path else key, key)]
    for at, inner in found:
        if rest:
            yield from places(document[inner], tuple(rest), at)
        else:
            yield Place(at, document, inner)


def is_secret_header(holder: Object) -> bool:
    """Of {"name", "value"}. A value that a template fills is none: what is secret in it stands elsewhere."""
    return bool(_SECRET_HEADER.search(cast(str, holder["name"]))) and "{{" not in cast(str, holder["value"])
