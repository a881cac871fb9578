"""The JSON of answers, as the API's description shows it; the examples are made from it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Time = Annotated[str, Field(examples=["2026-01-31T12:00:00Z"])]
RunId = Annotated[str, Field(examples=["dynamic-workflow-1769860800000"])]
DefinitionId = Annotated[str, Field(examples=["customer-onboarding"])]
StepId = Annotated[str, Field(examples=["review"])]
Version = Annotated[str, Field(examples=["1.0.0"])]
Cursor = Annotated[str, Field(examples=["1769860800000"])]
RunCursor = Annotated[str, Field(examples=["1769860800000.1769860800000"])]
Values = Annotated[dict[str, Any], Field(examples=[{"customerName": "John Doe"}])]
RunStatus = Literal["completed", "running", "paused", "failed", "cancelled", "terminated"]
Role = Literal["owner", "admin", "editor", "operator", "viewer"]


class _Open(BaseModel):
    """An answer that may have more fields than those that are always there."""

    model_config = ConfigDict(extra="allow")


class Named(BaseModel):
    """What was done to what the path names."""

    success: Literal[True]
    id: str | None = None
    kid: str | None = None
    name: str | None = None
    runId: RunId | None = None  # noqa: N815 - the contract's word
    deletedRuns: int | None = None  # noqa: N815
    redelivered: int | None = None


class StartedRun(BaseModel):
    """The run that was started."""

    runId: RunId  # noqa: N815


class RunFailure(BaseModel):
    """Why a run failed."""

    stepId: StepId  # noqa: N815
    type: Annotated[str, Field(examples=["HttpStatus"])]
    message: str
    attempts: int


class PauseSignal(_Open):
    """What a run waits for."""

    type: Literal["request_user_action", "collect_inputs"]
    stepId: StepId  # noqa: N815
    pauseId: str  # noqa: N815


class RunOutcome(BaseModel):
    """How a run ended, or where it stands when the wait was over."""

    runId: RunId  # noqa: N815
    status: RunStatus
    data: Values
    result: Any
    error: RunFailure | None = None
    currentStepId: StepId | None = None  # noqa: N815
    pauseSignal: PauseSignal | None = None  # noqa: N815


class StepFailure(BaseModel):
    """Why an attempt of a step failed."""

    type: Annotated[str, Field(examples=["HttpStatus"])]
    message: str


class StepExecution(_Open):
    """A visit of a step."""

    stepId: StepId  # noqa: N815
    stepType: Annotated[str, Field(examples=["collect-inputs"])]  # noqa: N815
    stepName: Annotated[str, Field(examples=["Review"])]  # noqa: N815
    status: Annotated[str, Field(examples=["completed"])]
    startTime: Time  # noqa: N815
    endTime: Time | None = None  # noqa: N815
    duration: int | None = Field(None, description="milliseconds")
    outputData: Any = None  # noqa: N815
    error: StepFailure | None = None


class RunOrigin(BaseModel):
    """The run and step that a rerun came from."""

    runId: RunId  # noqa: N815
    stepId: StepId  # noqa: N815
    seq: int


class RunState(BaseModel):
    """How a run stands."""

    runId: RunId  # noqa: N815
    workflowId: DefinitionId  # noqa: N815
    version: Version
    status: RunStatus
    currentStepId: StepId | None  # noqa: N815
    pauseSignal: PauseSignal | None  # noqa: N815
    data: Values
    stepExecutionHistory: list[StepExecution]  # noqa: N815
    historyCursor: str | None = Field(  # noqa: N815
        None, examples=["19000"], description="where older visits are, if there are any"
    )
    result: Any
    error: RunFailure | None
    reason: str | None
    cancelRequested: bool  # noqa: N815
    parentRunId: RunId | None  # noqa: N815
    origin: RunOrigin | None
    childRunIds: list[RunId]  # noqa: N815
    usage: dict[str, Any] | None
    waitingUntil: Time | None  # noqa: N815
    startTime: Time  # noqa: N815
    endTime: Time | None  # noqa: N815


class ControlledRun(BaseModel):
    """What came of a cancel or a terminate."""

    success: Literal[True]
    runId: RunId  # noqa: N815
    status: RunStatus
    message: str


class RunLine(BaseModel):
    """A run in the list."""

    runId: RunId  # noqa: N815
    workflowId: DefinitionId  # noqa: N815
    version: Version
    status: RunStatus
    currentStepId: StepId | None  # noqa: N815
    parentRunId: RunId | None  # noqa: N815
    item: int | None
    startTime: Time  # noqa: N815
    updatedAt: Time  # noqa: N815
    endTime: Time | None  # noqa: N815


class RunPage(BaseModel):
    """A page of the list of runs."""

    runs: list[RunLine]
    nextCursor: RunCursor | None  # noqa: N815


class BulkFailure(BaseModel):
    """A run that could not be changed."""

    runId: RunId  # noqa: N815
    message: str


class BulkOutcome(BaseModel):
    """What a command for many runs did, or with `dryRun` would look at."""

    action: Literal["cancel", "terminate", "delete"]
    changed: int | None = None
    skipped: int | None = None
    failed: int | None = None
    failures: list[BulkFailure] | None = None
    nextCursor: RunCursor | None = None  # noqa: N815
    dryRun: bool | None = None  # noqa: N815
    matched: int | None = None
    cursor: RunCursor | None = None


class InputSchema(BaseModel):
    """What a start of a workflow expects."""

    workflowId: DefinitionId  # noqa: N815
    payload: Annotated[
        dict[str, dict[str, Any]], Field(examples=[{"customerName": {"type": "string"}}])
    ]


class InputMetadata(BaseModel):
    """What a start expects."""

    success: Literal[True]
    data: InputSchema


class DefinitionLine(BaseModel):
    """A workflow or an agent in a list."""

    id: DefinitionId
    name: str
    description: str
    status: Literal["draft", "testing", "published", "archived"]
    version: Version
    createdAt: Time  # noqa: N815
    updatedAt: Time  # noqa: N815


class DefinitionVersion(BaseModel):
    """A version of a workflow or an agent."""

    id: DefinitionId
    name: str
    description: str
    status: Literal["draft", "testing", "published", "archived"]
    version: Version
    createdAt: Time  # noqa: N815
    publishedAt: Time | None  # noqa: N815


class StoredDefinition(_Open):
    """A version with all that its definition says."""

    id: DefinitionId
    name: str
    description: str
    status: Literal["draft", "testing", "published", "archived"]
    version: Version
    createdAt: Time  # noqa: N815
    updatedAt: Time  # noqa: N815


class DefinitionProblem(BaseModel):
    """What is wrong with a definition, and where."""

    path: Annotated[str, Field(examples=["steps[0].type"])]
    message: str
    line: int


class CheckedText(BaseModel):
    """What was found in a definition."""

    valid: bool
    problems: list[DefinitionProblem]
    warnings: list[DefinitionProblem] | None = None


class AnswerLink(BaseModel):
    """A link that answers one pause."""

    url: Annotated[str, Field(examples=["https://flows.example/answer/eyJhbGciOi"])]
    runId: RunId  # noqa: N815
    stepId: StepId  # noqa: N815
    visit: int
    expiresAt: Time  # noqa: N815


class Credential(_Open):
    """A key or a secret of tokens, as it is listed; a new one also shows itself, once."""

    name: str
    role: Role
    createdAt: Time  # noqa: N815
    disabledAt: Time | None  # noqa: N815


class StoredSecret(BaseModel):
    """A secret for steps, without its value."""

    name: Annotated[str, Field(examples=["REGISTRY_TOKEN"])]
    createdAt: Time  # noqa: N815
    updatedAt: Time  # noqa: N815


class StoredVariable(BaseModel):
    """A variable for expressions, with its value."""

    name: Annotated[str, Field(examples=["warehouse"])]
    value: Annotated[Any, Field(examples=["https://warehouse.example.com"])]
    createdAt: Time  # noqa: N815
    updatedAt: Time  # noqa: N815


class ChatModel(_Open):
    """A chat model that definitions may name."""

    name: Annotated[str, Field(examples=["small"])]
    provider: Annotated[str, Field(examples=["openai"])]
    model: Annotated[str, Field(examples=["gpt-4.1-mini"])]


class ToolList(BaseModel):
    """The tools, and the servers that give some of them."""

    tools: list[dict[str, Any]]
    servers: list[dict[str, Any]]


class WebhookState(BaseModel):
    """A webhook; its secret is shown when it is made, and never again."""

    id: str
    name: str
    url: Annotated[str, Field(examples=["https://example.com/hook"])]
    events: Annotated[list[str], Field(examples=[["run.completed"]])]
    workflowIds: list[DefinitionId] | None  # noqa: N815
    enabled: bool
    status: Literal["active", "failing", "disabled"]
    formerSecretUntil: Time | None  # noqa: N815
    pending: int
    givenUp: int  # noqa: N815
    createdAt: Time  # noqa: N815
    updatedAt: Time  # noqa: N815
    secret: str | None = None


class WebhookTest(BaseModel):
    """What came of a message for a test."""

    success: bool
    answer: int | None
    error: str | None
    duration: int


class Delivery(BaseModel):
    """How it stands with one event of a webhook."""

    position: int
    runId: RunId  # noqa: N815
    type: Annotated[str, Field(examples=["run.completed"])]
    time: Time | None
    status: Literal["pending", "delivered", "givenUp"]
    attempts: int
    answer: int | None
    error: str | None
    firstAttempt: Time | None  # noqa: N815
    lastAttempt: Time | None  # noqa: N815
    nextAttempt: Time | None  # noqa: N815


class DeliveryPage(BaseModel):
    """A page of deliveries."""

    deliveries: list[Delivery]
    nextCursor: Cursor | None  # noqa: N815
