"""What the forms of several kinds share."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from jobstream.api.forms.marks import Filled, Hidden, Object, Refers, Refused

STRICT = ConfigDict(strict=True)
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Values = list[str]
Script = Annotated[
    Object, Field(description="JavaScript. Kept, and returned; a run that would need it fails with a clear error.")
]
Label = Annotated[Any, Field(description="Kept and returned; has no effect.")]
Transform = Annotated[Object, Field(description="Rules that shape a record; `type: script` is kept, and its run fails.")]
Filter = Annotated[Object, Field(description="Rules that say which records go on; `type: script` is kept, and its run fails.")]
Settings = Annotated[Object, Field(description="Values that templates read as `settings`.")]
SuccessMedia = Literal["json", "xml", "csv", "plaintext"]
ErrorMedia = Literal["json", "xml", "plaintext"]
RequestMedia = Literal["json", "xml", "urlencoded", "form-data", "plaintext"]
ConnectionId = Annotated[str, Refers("connections")]
ExportId = Annotated[str, Refers("exports")]
ImportId = Annotated[str, Refers("imports")]
FlowId = Annotated[str, Refers("flows")]
IntegrationId = Annotated[str, Refers("integrations")]
HelperId = Annotated[str, Refers("asynchelpers")]
OnPremise = Annotated[Any, Refused("requests leave from this server; there are no on-premise agents")]


@with_config(STRICT)
class Header(TypedDict):
    """The value of a header whose name speaks of a secret is kept as one, unless a template stands there."""

    name: Filled
    value: Annotated[str, Hidden(header=True)]


@with_config(STRICT)
class TwoDArray(TypedDict):
    """Rows that come as arrays."""

    hasHeader: NotRequired[bool]
    doNotNormalize: NotRequired[bool]
