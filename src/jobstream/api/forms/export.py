"""The form of an export: one call that yields records, page by page."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from jobstream.api.forms.marks import Filled, Object, Refused
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
    TwoDArray,
    Values,
)


@with_config(STRICT)
class Paging(TypedDict):
    """How the next page is asked for, and which page is the last."""

    method: Literal["linkheader", "page", "skip", "token", "url", "nextpageurl", "relativeuri", "body"]
    page: NotRequired[int]
    skip: NotRequired[int]
    token: NotRequired[str]
    path: NotRequired[str]
    pathLocation: NotRequired[Literal["body", "header"]]
    pathAfterFirstRequest: NotRequired[str]
    relativeURI: NotRequired[str]
    body: NotRequired[str]
    linkHeaderRelation: NotRequired[Annotated[str, Field(description="Default next.")]]
    lastPageStatusCode: NotRequired[Annotated[int, Field(description="Default 404; no error then.")]]
    lastPagePath: NotRequired[str]
    lastPageValues: NotRequired[Values]
    maxPagePath: NotRequired[str]
    maxCountPath: NotRequired[str]


@with_config(STRICT)
class ExportResponse(TypedDict):
    """Where the records are in an answer, and which answers are failures in spite of their status."""

    resourcePath: NotRequired[str]
    successPath: NotRequired[str]
    successValues: NotRequired[Values]
    failPath: NotRequired[str]
    failValues: NotRequired[Values]
    errorPath: NotRequired[str]
    allowArrayforSuccessPath: NotRequired[bool]
    resourceIdPath: NotRequired[str]
    twoDArray: NotRequired[TwoDArray]
    blobFormat: NotRequired[str]


@with_config(STRICT)
class ExportHttpOnce(TypedDict):
    """The call that marks a record as exported."""

    relativeURI: NotRequired[str]
    method: NotRequired[Method]
    body: NotRequired[str]


@with_config(STRICT)
class ExportHttp(TypedDict):
    """The call. All texts may hold templates."""

    method: NotRequired[Method]
    relativeURI: NotRequired[str]
    headers: NotRequired[list[Header]]
    body: NotRequired[str]
    requestMediaType: NotRequired[RequestMedia]
    successMediaType: NotRequired[SuccessMedia]
    errorMediaType: NotRequired[ErrorMedia]
    type: NotRequired[Literal["file", "blob", "csvstream"]]
    _asyncHelperId: NotRequired[
        Annotated[HelperId, Field(description="This call starts a remote job, which the helper waits for.")]
    ]
    once: NotRequired[ExportHttpOnce]
    paging: NotRequired[Paging]
    response: NotRequired[ExportResponse]


@with_config(STRICT)
class ExportTest(TypedDict):
    """type: test."""

    limit: NotRequired[Annotated[int, Field(ge=1, le=100)]]


@with_config(STRICT)
class Delta(TypedDict):
    """type: delta. Requests name `lastExportDateTime` where they need it."""

    startDate: NotRequired[str]
    lagOffset: NotRequired[Annotated[int, Field(ge=0, description="Milliseconds.")]]
    dateFormat: NotRequired[Annotated[str, Field(description="In Moment's tokens.")]]
    dateField: NotRequired[Annotated[Any, Refused("HTTP exports name lastExportDateTime in their request")]]


@with_config(STRICT)
class Once(TypedDict):
    """type: once."""

    booleanField: NotRequired[str]


@with_config(STRICT)
class MockRecord(TypedDict):
    """One record of a test run."""

    record: Any


@with_config(STRICT)
class MockOutput(TypedDict):
    """Records of a test run, instead of a call."""

    page_of_records: Annotated[list[MockRecord], Field(max_length=10)]


@with_config(STRICT)
class ExportRequest(TypedDict):
    """What POST and PUT take. adaptorType cannot change later."""

    name: Filled
    adaptorType: NotRequired[Literal["HTTPExport"]]
    _connectionId: NotRequired[ConnectionId]
    type: NotRequired[
        Annotated[Literal["delta", "once", "test", "blob"], Field(description="Absent: all records, every time.")]
    ]
    pageSize: NotRequired[Annotated[int, Field(ge=1, description="Records of a page handed on. Default 20.")]]
    isLookup: NotRequired[bool]
    oneToMany: NotRequired[bool]
    pathToMany: NotRequired[str]
    inputFilter: NotRequired[Filter]
    mappings: NotRequired[list[Any]]
    test: NotRequired[ExportTest]
    delta: NotRequired[Delta]
    once: NotRequired[Once]
    http: NotRequired[ExportHttp]
    file: NotRequired[Annotated[Object, Field(description="How a file is parsed.")]]
    transform: NotRequired[Transform]
    filter: NotRequired[Filter]
    hooks: NotRequired[Script]
    dataURITemplate: NotRequired[str]
    traceKeyTemplate: NotRequired[str]
    mockOutput: NotRequired[MockOutput]
    settings: NotRequired[Settings]
    settingsForm: NotRequired[Label]
    externalId: NotRequired[Label]
    debugDate: NotRequired[Label]
