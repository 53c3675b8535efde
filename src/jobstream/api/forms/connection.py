"""The form of a connection: where a remote system is, how it is signed in to, and what it bears."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from jobstream.api.forms.marks import Filled, Object, Refers, Refused, SecretTable, SecretText
from jobstream.api.forms.parts import (
    STRICT,
    ErrorMedia,
    Header,
    Label,
    Method,
    OnPremise,
    RequestMedia,
    Settings,
    SuccessMedia,
    Values,
)

OtherAuth = Annotated[Any, Refused("sign in with basic, token, oauth or custom")]


@with_config(STRICT)
class BasicAuth(TypedDict):
    """User name and password."""

    username: NotRequired[str]
    password: NotRequired[SecretText]


@with_config(STRICT)
class TokenAuth(TypedDict):
    """A token, and the call that renews it."""

    token: NotRequired[SecretText]
    location: NotRequired[Literal["header", "url", "body"]]
    headerName: NotRequired[Annotated[str, Field(description="Default Authorization.")]]
    scheme: NotRequired[Annotated[str, Field(description="Stands before the token, as Bearer.")]]
    paramName: NotRequired[str]
    refreshMethod: NotRequired[Method]
    refreshRelativeURI: NotRequired[str]
    refreshMediaType: NotRequired[RequestMedia]
    refreshBody: NotRequired[str]
    refreshHeaders: NotRequired[list[Header]]
    refreshResponsePath: NotRequired[str]
    refreshToken: NotRequired[SecretText]


@with_config(STRICT)
class OAuth(TypedDict):
    """OAuth 2."""

    grantType: NotRequired[Literal["authorizecode", "clientcredentials", "password"]]
    tokenURI: NotRequired[str]
    authURI: NotRequired[str]
    clientId: NotRequired[str]
    clientSecret: NotRequired[SecretText]
    scope: NotRequired[Values]
    scopeDelimiter: NotRequired[str]
    clientCredentialsLocation: NotRequired[Literal["basicauthheader", "body"]]
    username: NotRequired[str]
    password: NotRequired[SecretText]
    accessToken: NotRequired[SecretText]
    refreshToken: NotRequired[SecretText]


@with_config(STRICT)
class AuthFailure(TypedDict):
    """One more status that means: sign in again."""

    statusCode: NotRequired[int]
    path: NotRequired[str]
    values: NotRequired[Values]


@with_config(STRICT)
class Auth(TypedDict):
    """How requests are signed, and which answers mean that they were not."""

    type: Literal["custom", "basic", "token", "oauth"]
    basic: NotRequired[BasicAuth]
    token: NotRequired[TokenAuth]
    oauth: NotRequired[OAuth]
    failStatusCode: NotRequired[int]
    failPath: NotRequired[str]
    failValues: NotRequired[Values]
    failures: NotRequired[list[AuthFailure]]
    wsse: NotRequired[OtherAuth]
    cookie: NotRequired[OtherAuth]
    digest: NotRequired[OtherAuth]
    oauth1: NotRequired[OtherAuth]
    jwt: NotRequired[OtherAuth]
    jwtbearer: NotRequired[OtherAuth]


@with_config(STRICT)
class Ping(TypedDict):
    """The call that shows whether the connection works. Without a successPath any 2xx is good."""

    relativeURI: NotRequired[str]
    method: NotRequired[Method]
    body: NotRequired[str]
    successPath: NotRequired[str]
    successValues: NotRequired[Values]
    failPath: NotRequired[str]
    failValues: NotRequired[Values]
    errorPath: NotRequired[str]


@with_config(STRICT)
class RateLimit(TypedDict):
    """How the remote system says that it is asked too often, and how often it may be asked."""

    failStatusCode: NotRequired[Annotated[int, Field(description="Default 429.")]]
    failPath: NotRequired[str]
    failValues: NotRequired[Values]
    limit: NotRequired[Annotated[int, Field(ge=1)]]


Concurrency = Annotated[int, Field(ge=1, le=50, description="Requests at the same time. Default 25.")]


@with_config(STRICT)
class ConnectionHttp(TypedDict):
    """Everything of the block `http`."""

    baseURI: Annotated[Filled, Field(description="Absolute, may hold templates, no slash at its end.")]
    mediaType: Annotated[RequestMedia, Field(description="Of request bodies.")]
    successMediaType: NotRequired[SuccessMedia]
    errorMediaType: NotRequired[ErrorMedia]
    headers: NotRequired[list[Header]]
    auth: NotRequired[Auth]
    ping: NotRequired[Ping]
    rateLimit: NotRequired[RateLimit]
    retryHeader: NotRequired[Annotated[str, Field(description="Default Retry-After.")]]
    concurrencyLevel: NotRequired[Concurrency]
    targetConcurrencyLevel: NotRequired[Concurrency]
    encrypted: NotRequired[SecretTable]
    encryptedFields: NotRequired[list[Object]]
    unencrypted: NotRequired[Annotated[Object, Field(description="Values for templates, as connection.http.unencrypted.x.")]]
    unencryptedFields: NotRequired[list[Object]]
    disableStrictSSL: NotRequired[Annotated[Any, Refused("certificates are always checked")]]
    clientCertificates: NotRequired[Annotated[Any, Refused("there are no client certificates")]]


@with_config(STRICT)
class ConnectionRequest(TypedDict):
    """What POST and PUT take. A secret comes back as six stars; six stars mean the secret that is kept."""

    name: Annotated[Filled, Field(max_length=100)]
    type: Literal["http"]
    http: ConnectionHttp
    offline: NotRequired[bool]
    settings: NotRequired[Settings]
    settingsForm: NotRequired[Label]
    externalId: NotRequired[Label]
    debugDate: NotRequired[Label]
    _borrowConcurrencyFromConnectionId: NotRequired[Annotated[str, Refers("connections")]]
    _agentId: NotRequired[OnPremise]
