"""The form of an import: one call, or one for each operation, that hands records over."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from jobstream.api.forms.marks import Filled, Object
from jobstream.api.forms.parts import (
    STRICT,
    ConnectionId,
    ErrorMedia,
    Filter,
    Header,
    HelperId,
    Label,
    Method,
    RequestMedia,
    Script,
    Settings,
    SuccessMedia,
    Transform,
    Values,
)


@with_config(STRICT)
class ImportResponse(TypedDict):
    """One entry for each operation, but for errorPath."""

    resourcePath: NotRequired[Values]
    resourceIdPath: NotRequired[Values]
    successPath: NotRequired[Values]
    successValues: NotRequired[list[Values]]
    failPath: NotRequired[Values]
    failValues: NotRequired[list[Values]]
    errorPath: NotRequired[str]
    allowArrayforSuccessPath: NotRequired[bool]


@with_config(STRICT)
class ImportHttp(TypedDict):
    """Lists hold one entry for each operation, in the same order. Addresses see the record before its mapping, bodies after it."""

    method: NotRequired[list[Method]]
    relativeURI: NotRequired[Values]
    requestType: NotRequired[list[Literal["CREATE", "UPDATE"]]]
    body: NotRequired[Values]
    response: NotRequired[ImportResponse]
    batchSize: NotRequired[Annotated[int, Field(ge=1, description="Records of one request.")]]
    headers: NotRequired[list[Header]]
    requestMediaType: NotRequired[RequestMedia]
    successMediaType: NotRequired[SuccessMedia]
    errorMediaType: NotRequired[ErrorMedia]
    existingExtract: NotRequired[str]
    ignoreEmptyNodes: NotRequired[bool]
    sendPostMappedData: NotRequired[Annotated[bool, Field(description="Default true.")]]
    strictHandlebarEvaluation: NotRequired[bool]
    _asyncHelperId: NotRequired[
        Annotated[HelperId, Field(description="This call starts a remote job, which the helper waits for.")]
    ]
    lookups: NotRequired[list[Object]]


@with_config(STRICT)
class ImportRequest(TypedDict):
    """What POST and PUT take. adaptorType cannot change later."""

    name: Filled
    adaptorType: NotRequired[Literal["HTTPImport"]]
    _connectionId: NotRequired[ConnectionId]
    http: NotRequired[ImportHttp]
    filter: NotRequired[Filter]
    inputFilter: NotRequired[Filter]
    transform: NotRequired[Transform]
    mapping: NotRequired[Object]
    mappings: NotRequired[list[Any]]
    lookups: NotRequired[list[Object]]
    oneToMany: NotRequired[bool]
    pathToMany: NotRequired[str]
    hooks: NotRequired[Script]
    settings: NotRequired[Settings]
    settingsForm: NotRequired[Label]
    externalId: NotRequired[Label]
    debugDate: NotRequired[Label]
