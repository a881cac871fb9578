"""The JSON of answers about a tenant's resources other than runs and definitions."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from app.auth.roles import Role
from app.settings.llm import ModelDocument, Prices
from app.settings.scripted import Script
from app.wire.answers.parts import (
    IGNORED,
    ByServer,
    Cursor,
    DefinitionId,
    Done,
    DoneToName,
    Milliseconds,
    RunId,
    Time,
    TimeByServer,
)
from steps.models.headers import FurtherHeaders
from steps.models.options import Fallback, Reasoning, Structured

Label = Annotated[str, Field(description="for people", examples=["Reporting"])]


class StoredKey(TypedDict):
    """An API key as listed."""

    id: Annotated[str, Field(examples=["key_5f2c"])]
    prefix: Annotated[str, Field(description="how it begins", examples=["sk_a1b2c3"])]
    name: Label
    role: Role
    createdAt: Time
    expiresAt: Time | None
    lastUsedAt: Time | None
    disabledAt: Time | None


class NewKey(StoredKey):
    """A new API key; it is shown only once."""

    key: Annotated[str, Field(examples=["sk_a1b2c3d4e5f6"])]


class StoredJwtSecret(TypedDict):
    """A secret or public key that verifies tokens, as listed."""

    kid: Annotated[str, Field(examples=["jwt_5f2c"])]
    name: Label
    role: Role
    algorithm: Annotated[str, Field(examples=["HS256"])]
    createdAt: Time
    disabledAt: Time | None


class NewJwtSecret(StoredJwtSecret):
    """A new token secret; shown only once, and only if the server generated it."""

    secret: NotRequired[str]


class DoneToKid(TypedDict):
    """The operation was applied to the object with this key id."""

    success: Done
    kid: Annotated[str, Field(examples=["jwt_5f2c"])]


class StoredSecret(TypedDict):
    """A secret for steps, without its value."""

    name: Annotated[str, Field(examples=["REGISTRY_TOKEN"])]
    createdAt: Time
    updatedAt: Time


class StoredVariable(TypedDict):
    """A variable for expressions, with its value."""

    name: Annotated[str, Field(examples=["warehouse"])]
    value: Annotated[Any, Field(examples=["https://warehouse.example.com"])]
    createdAt: Time
    updatedAt: Time


Filter = Annotated[str, Field(max_length=1_000)]


class SavedView(TypedDict):
    """A filtered list of runs, saved under a name."""

    name: Annotated[str, Field(examples=["Failed payments"])]
    query: Annotated[dict[str, Filter], Field(examples=[{"status": "failed", "sort": "-endTime"}])]
    columns: list[str]
    updatedAt: Time


class StoredModel(TypedDict):
    """A chat model that definitions may use.

    A tenant's model can be changed by sending it back: fields added by the server are ignored.
    """

    name: Annotated[str, Field(examples=["small"])]
    provider: Annotated[Literal["openai", "anthropic", "scripted"], Field(examples=["openai"])]
    model: Annotated[str, Field(examples=["gpt-4.1-mini"])]
    baseUrl: NotRequired[
        Annotated[
            str,
            Field(
                description="left out for provider scripted, which has no endpoint",
                examples=["https://api.openai.com/v1"],
            ),
        ]
    ]
    source: Literal["settings", "tenant"]
    default: bool
    secret: NotRequired[Annotated[str, Field(description="the name of a secret")]]
    maxTokens: NotRequired[int]
    timeout: Annotated[str, Field(examples=["5m"])]
    stream: bool
    structured: Structured
    reasoning: NotRequired[Reasoning]
    cache: NotRequired[bool]
    fallback: NotRequired[Fallback]
    options: NotRequired[dict[str, Any]]
    headers: NotRequired[FurtherHeaders]
    maxConcurrent: NotRequired[int]
    rate: NotRequired[str]
    scripts: NotRequired[list[Script]]
    images: NotRequired[bool]
    pdf: NotRequired[bool]
    audio: NotRequired[bool]
    embeddings: NotRequired[bool]
    retries: int
    prices: NotRequired[Prices]


class ModelBody(ModelDocument):
    """The definition of a model."""

    name: str | None = Field(None, description=IGNORED)
    source: str | None = Field(None, description=IGNORED)
    default: bool | None = Field(None, description=IGNORED)


class ToolLine(TypedDict):
    """A tool that steps may call."""

    id: Annotated[str, Field(examples=["send-email"])]
    description: Annotated[str, Field(examples=["Sends a message by SMTP"])]
    inputSchema: Annotated[
        dict[str, Any], Field(description="JSON Schema", examples=[{"type": "object"}])
    ]
    source: Literal["function", "mcp"]


class McpSignedIn(TypedDict):
    """Who has signed in at an MCP server, and when; null if nobody has."""

    who: Annotated[str | None, Field(examples=["person:Ada"])]
    at: Time | None


class McpSignInBegun(TypedDict):
    """The address at which a sign-in continues."""

    address: Annotated[
        str,
        Field(
            description="the address to which the caller's browser must go within ten minutes",
            examples=["https://login.example.com/authorize?state=notes.Jx3"],
        ),
    ]


class McpSignedOut(DoneToName):
    """The sign-in at an MCP server was ended."""

    revoked: Annotated[
        bool, Field(description="whether the tokens were revoked at the server that issued them")
    ]


class ToolServer(TypedDict):
    """A server that provides tools."""

    name: Annotated[str, Field(examples=["search"])]
    status: Annotated[str, Field(examples=["ready"])]
    error: str | None
    warnings: list[str]
    signIn: Annotated[McpSignedIn | None, Field(description="null for a server without sign-in")]


class ToolList(TypedDict):
    """The tools, and the servers that provide some of them."""

    tools: list[ToolLine]
    servers: list[ToolServer]


class WebhookState(TypedDict):
    """A webhook. It can be changed by sending it back: fields added by the server are ignored."""

    id: Annotated[str, Field(examples=["wh_5f2c"])]
    name: Label
    url: Annotated[str, Field(examples=["https://example.com/hook"])]
    events: Annotated[list[str], Field(examples=[["run.completed"]])]
    workflowIds: list[DefinitionId] | None
    enabled: bool
    status: Literal["active", "failing", "disabled"]
    formerSecretUntil: Time | None
    pending: int
    givenUp: int
    createdAt: Time
    updatedAt: Time


class WebhookChanges(TypedDict, total=False):
    """Changes to a webhook; fields left out stay as they are."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc] # pydantic's way

    id: ByServer
    name: str
    url: str
    events: list[str]
    workflowIds: list[str] | None
    secret: Annotated[str, Field(description="whsec_ and 24 to 64 bytes in base64")]
    enabled: bool
    status: ByServer
    formerSecretUntil: TimeByServer | None
    pending: Annotated[int, Field(description=IGNORED)]
    givenUp: Annotated[int, Field(description=IGNORED)]
    createdAt: TimeByServer
    updatedAt: TimeByServer


class WebhookWithSecret(WebhookState):
    """A webhook with its new secret, which is shown only once."""

    secret: Annotated[str, Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])]


class WebhookTest(TypedDict):
    """The result of a test message."""

    success: bool
    answer: Annotated[int | None, Field(description="the status", examples=[200])]
    error: Annotated[str | None, Field(examples=[None])]
    duration: Milliseconds


class Delivery(TypedDict):
    """The delivery of one event to a webhook."""

    position: int
    runId: RunId
    type: Annotated[str, Field(examples=["run.completed"])]
    time: Time | None
    status: Literal["pending", "delivered", "givenUp"]
    attempts: int
    answer: Annotated[int | None, Field(description="the status", examples=[503])]
    error: Annotated[str | None, Field(examples=["the receiver answered 503"])]
    firstAttempt: Time | None
    lastAttempt: Time | None
    nextAttempt: Time | None


class DeliveryPage(TypedDict):
    """A page of deliveries."""

    deliveries: list[Delivery]
    nextCursor: Cursor | None


class Redelivered(TypedDict):
    """How many events are sent again."""

    success: Done
    redelivered: int
