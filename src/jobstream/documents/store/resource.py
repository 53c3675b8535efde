"""What is kept of one resource, what comes in from the door, and what can be wrong with it."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from jobstream.errors import DocumentError

Document = dict[str, Any]

#: Stands for every secret, in the database as in answers. Coming in, it means: the one that is kept.
STARS = "******"


class Author(NamedTuple):
    """Who writes. by: the id of the token."""

    account: str
    by: str


class Reference(NamedTuple):
    """path: a place of the document, as `pageGenerators[0]._exportId` · kind, id: the resource that it names."""

    path: str
    kind: str
    id: str


class Secret(NamedTuple):
    """place: the same for a secret that has only moved within its list, as `http.headers[x-api-key].value` · path: where it stands
    in this document · value: the secret, or STARS."""

    place: str
    path: str
    value: Any


class Draft(NamedTuple):
    """A document that has been looked at. In `document` every secret is STARS already."""

    document: Document
    references: tuple[Reference, ...] = ()
    secrets: tuple[Secret, ...] = ()


class Birth(NamedTuple):
    """A resource to be made. origin: the one it is a copy of, whose secrets its stars mean."""

    kind: str
    id: str
    draft: Draft
    origin: Resource | None = None


class Resource(NamedTuple):
    """Times are epoch milliseconds. version: of the document, from 1 · deletion: the id of what was deleted, with this or as this."""

    account: str
    kind: str
    id: str
    document: Document
    created: int
    modified: int
    version: int
    deleted: int | None = None
    deletion: str | None = None


class Dependent(NamedTuple):
    """A living resource that names another one. paths: the places, in their order in the document."""

    kind: str
    id: str
    name: str
    paths: tuple[str, ...]


class Sealer(Protocol):
    """about: the row that the value belongs to; it opens nowhere else."""

    def seal(self, plain: bytes, about: str) -> bytes: ...
    def open(self, sealed: bytes, about: str) -> bytes: ...


class NotThereError(DocumentError):
    """No such resource, or another account's. binned: it lies in the recycle bin."""

    code = "document.not_there"

    def __init__(self, kind: str, id: str, *, binned: bool = False) -> None:
        super().__init__("there is no such resource", where=f"{kind}/{id}")
        self.kind, self.id, self.binned = kind, id, binned


class BadReferencesError(DocumentError):
    """References to what is missing, deleted or another account's. Nothing was written."""

    code = "document.bad_references"

    def __init__(self, references: tuple[Reference, ...]) -> None:
        super().__init__("names what is not there: " + ", ".join(r.path for r in references))
        self.references = references


class NoSecretError(DocumentError):
    """Stars came where nothing is kept. Nothing was written."""

    code = "document.no_secret"

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__("stars stand for a secret that is not kept: " + ", ".join(paths))
        self.paths = paths
