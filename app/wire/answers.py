"""The JSON of answers about what a tenant has besides runs and definitions."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from app.auth.roles import Role
from app.settings.llm import ModelDocument, Prices
from app.settings.scripted import Script
from app.wire.answer_parts import (
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
    """An API key, as it is listed."""

    id: Annotated[str, Field(examples=["key_5f2c"])]
    prefix: Annotated[str, Field(description="how it begins", examples=["sk_a1b2c3"])]
    name: Label
    role: Role
    createdAt: Time
    expiresAt: Time | None
    lastUsedAt: Time | None
    disabledAt: Time | None


class NewKey(StoredKey):
    """A new API key; it is shown this once."""

    key: Annotated[str, Field(examples=["sk_a1b2c3d4e5f6"])]


class StoredJwtSecret(TypedDict):
    """What checks tokens, as it is listed."""

    kid: Annotated[str, Field(examples=["jwt_5f2c"])]
    name: Label
    role: Role
    algorithm: Annotated[str, Field(examples=["HS256"])]
    createdAt: Time
    disabledAt: Time | None


class NewJwtSecret(StoredJwtSecret):
    """A new secret of tokens; it is shown this once, and only where the server made it."""

    secret: NotRequired[str]


class DoneToKid(TypedDict):
    """It was done to what has this key id."""

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
    """A list of runs that somebody has given a name."""

    name: Annotated[str, Field(examples=["Failed payments"])]
    query: Annotated[dict[str, Filter], Field(examples=[{"status": "failed", "sort": "-endTime"}])]
    columns: list[str]
    updatedAt: Time


class StoredModel(TypedDict):
    """A chat model that definitions may name.

    One of the tenant can be sent as it is to change it: what the server has added is ignored.
    """

    name: Annotated[str, Field(examples=["small"])]
    provider: Annotated[Literal["openai", "anthropic", "scripted"], Field(examples=["openai"])]
    model: Annotated[str, Field(examples=["gpt-4.1-mini"])]
    baseUrl: Annotated[str, Field(examples=["https://api.openai.com/v1"])]
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
    """What a name means."""

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
    """Who has signed in at an MCP server, and when; null while nobody is."""

    who: Annotated[str | None, Field(examples=["person:Ada"])]
    at: Time | None


class McpSignInBegun(TypedDict):
    """Where a sign-in goes on."""

    address: Annotated[
        str,
        Field(
            description="where the caller's browser is to go, within ten minutes",
            examples=["https://login.example.com/authorize?state=notes.Jx3"],
        ),
    ]


class McpSignedOut(DoneToName):
    """Somebody is signed out."""

    revoked: Annotated[
        bool, Field(description="whether the tokens were revoked where they had been given")
    ]


class ToolServer(TypedDict):
    """A server that gives tools."""

    name: Annotated[str, Field(examples=["search"])]
    status: Annotated[str, Field(examples=["ready"])]
    error: str | None
    warnings: list[str]
    signIn: Annotated[
        McpSignedIn | None, Field(description="null for a server at which nobody signs in")
    ]


class ToolList(TypedDict):
    """The tools, and the servers that give some of them."""

    tools: list[ToolLine]
    servers: list[ToolServer]


class WebhookState(TypedDict):
    """A webhook. It can be sent as it is to change it: what the server has added is ignored."""

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
    """What changes of a webhook; what is not given stays."""

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
    """A webhook with its new secret, which is shown this once."""

    secret: Annotated[str, Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])]


class WebhookTest(TypedDict):
    """What came of a message for a test."""

    success: bool
    answer: Annotated[int | None, Field(description="the status", examples=[200])]
    error: Annotated[str | None, Field(examples=[None])]
    duration: Milliseconds


class Delivery(TypedDict):
    """How it stands with one event of a webhook."""

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
