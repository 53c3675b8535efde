"""The forms of a flow and of an integration."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from jobstream.api.forms.marks import Filled, Object
from jobstream.api.forms.parts import STRICT, ExportId, FlowId, ImportId, IntegrationId, Label, Script, Settings


@with_config(STRICT)
class ResponseMapping(TypedDict):
    """What of a step's answer goes into the record."""

    fields: NotRequired[list[Object]]
    lists: NotRequired[list[Object]]


@with_config(STRICT)
class PageGenerator(TypedDict):
    """A source of the flow."""

    _exportId: ExportId
    schedule: NotRequired[str]
    skipRetries: NotRequired[bool]


@with_config(STRICT)
class PageProcessor(TypedDict):
    """A step that every page passes."""

    type: Literal["export", "import"]
    _exportId: NotRequired[ExportId]
    _importId: NotRequired[ImportId]
    proceedOnFailure: NotRequired[bool]
    responseMapping: NotRequired[ResponseMapping]
    hooks: NotRequired[Script]


@with_config(STRICT)
class Branch(TypedDict):
    """One way out of a router."""

    name: NotRequired[str]
    description: NotRequired[str]
    inputFilter: NotRequired[Object]
    nextRouterId: NotRequired[str]
    pageProcessors: NotRequired[list[PageProcessor]]


@with_config(STRICT)
class Router(TypedDict):
    """Sends records one way or the other."""

    id: NotRequired[str]
    name: NotRequired[str]
    routeRecordsTo: NotRequired[str]
    routeRecordsUsing: NotRequired[str]
    branches: NotRequired[list[Branch]]
    script: NotRequired[Script]


@with_config(STRICT)
class FlowRequest(TypedDict):
    """What POST and PUT take."""

    name: Filled
    description: NotRequired[str]
    _integrationId: NotRequired[IntegrationId]
    disabled: NotRequired[Annotated[bool, Field(description="A disabled flow cannot be run. Default false, always returned.")]]
    schedule: NotRequired[Annotated[str, Field(description="Six fields, as `? 0 2 ? * *`.")]]
    timezone: NotRequired[Annotated[str, Field(description="Name of the time zone database, as Europe/Berlin.")]]
    pageGenerators: NotRequired[list[PageGenerator]]
    pageProcessors: NotRequired[list[PageProcessor]]
    routers: NotRequired[list[Router]]
    _runNextFlowIds: NotRequired[list[FlowId]]
    runPageGeneratorsInParallel: NotRequired[bool]
    autoResolveMatchingTraceKeys: NotRequired[bool]
    aliases: NotRequired[list[Any]]
    logging: NotRequired[Object]
    settings: NotRequired[Settings]
    settingsForm: NotRequired[Label]
    externalId: NotRequired[Label]


@with_config(STRICT)
class IntegrationRequest(TypedDict):
    """What POST and PUT take."""

    name: Filled
    description: NotRequired[str]
    readme: NotRequired[str]
    settings: NotRequired[Settings]
    settingsForm: NotRequired[Label]
    externalId: NotRequired[Label]
