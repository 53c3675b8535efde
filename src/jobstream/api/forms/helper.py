"""The form of an async helper: three phases over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from jobstream.api.forms.marks import Filled, Number, Refers
from jobstream.api.forms.parts import STRICT


@with_config(STRICT)
class AsyncHelperSubmit(TypedDict):
    """How the remote job is started, and what of the answer names it."""

    sameAsStatus: Annotated[
        bool,
        Field(
            description="true: submit and status share the status export's endpoint and reading; resourcePath and transform have no effect."
        ),
    ]
    resourcePath: NotRequired[
        Annotated[str, Field(description="JSONPath or dot path to the job's identifier in the answer to the submit.")]
    ]
    transform: NotRequired[Annotated[dict[str, Any], Field(description="Shapes that answer before resourcePath looks at it.")]]


@with_config(STRICT)
class AsyncHelperStatus(TypedDict):
    """How the remote job is asked for its status. Values are compared as text, with case."""

    _exportId: Annotated[str, Refers("exports"), Field(description="The export that is the whole poll call.")]
    statusPath: Annotated[Filled, Field(description="JSONPath or dot path to the status in the answer to a poll.")]
    inProgressValues: Annotated[list[str], Field(description="Still running: asked again.")]
    doneValues: Annotated[list[str], Field(description="Done, and there is data.")]
    doneWithoutDataValues: NotRequired[Annotated[list[str], Field(description="Done, and there is none.")]]
    errorValues: NotRequired[Annotated[list[str], Field(description="Failed.")]]
    initialWaitTime: NotRequired[Annotated[Number, Field(description="Minutes before the first poll. Default 0.")]]
    pollWaitTime: NotRequired[Annotated[Number, Field(description="Minutes between two polls. Default 1.")]]


@with_config(STRICT)
class AsyncHelperResult(TypedDict):
    """Where the data is. Without an export the last status answer is the result."""

    _exportId: NotRequired[Annotated[str, Refers("exports"), Field(description="The export that fetches the result.")]]


@with_config(STRICT)
class AsyncHelperHttp(TypedDict):
    """Submit, status, result."""

    submit: AsyncHelperSubmit
    status: AsyncHelperStatus
    result: NotRequired[AsyncHelperResult]


@with_config(STRICT)
class AsyncHelperRequest(TypedDict):
    """What POST and PUT take. PUT replaces the whole: what is left out is gone."""

    name: Annotated[Filled, Field(description="For people; two helpers may have the same.")]
    http: AsyncHelperHttp
