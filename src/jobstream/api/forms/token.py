"""The form of an access token."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import AfterValidator, Field, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from jobstream.api.forms.marks import Filled, Refused
from jobstream.api.forms.parts import STRICT, ConnectionId, ExportId, ImportId


def _plain(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("plain", "must not hold the character U+0000")
    return text


Plain = AfterValidator(_plain)


@with_config(STRICT)
class AccessTokenRequest(TypedDict):
    """fullAccess, or at least one list of ids: exactly one of the two."""

    name: Annotated[Filled, Plain]
    description: NotRequired[Annotated[str, Plain]]
    fullAccess: NotRequired[bool]
    _connectionIds: NotRequired[Annotated[list[ConnectionId], Field(max_length=1000)]]
    _exportIds: NotRequired[Annotated[list[ExportId], Field(max_length=1000)]]
    _importIds: NotRequired[Annotated[list[ImportId], Field(max_length=1000)]]
    _apiIds: NotRequired[Annotated[Any, Refused("there are no APIs here")]]
    _mcpServerIds: NotRequired[Annotated[Any, Refused("there are no MCP servers here")]]
    revoked: NotRequired[bool]
    autoPurgeAt: NotRequired[Annotated[str, Field(description="When the token ends, at most 30 days ahead.")]]
