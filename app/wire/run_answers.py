"""The JSON of answers about runs, as the API's description shows it.

What may be left out is `NotRequired`; what may be null says so.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from app.wire.answer_parts import (
    DefinitionId,
    Done,
    ErrorType,
    Message,
    Milliseconds,
    RunCursor,
    RunId,
    RunStatus,
    StepId,
    Time,
    Values,
    Version,
)

HttpStatus = Annotated[int, Field(description="of an HTTP answer", examples=[503])]
Result = Annotated[Any, Field(description="any JSON", examples=[{"success": True}])]


class StartedRun(TypedDict):
    """The run that was started."""

    runId: RunId


class RunFailure(TypedDict):
    """Why a run failed."""

    stepId: StepId
    type: ErrorType
    message: Message
    attempts: int
    status: NotRequired[HttpStatus]


BodyPath = Annotated[
    str, Field(examples=["check/stock"], description="the part of the definition that it runs")
]


class PauseSignal(TypedDict):
    """What a run waits for; what else it has depends on what is asked."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc] # pydantic's way

    type: Literal["request_user_action", "collect_inputs", "wait_for_signal"]
    stepId: StepId
    pauseId: Annotated[str, Field(description="what an answer to it names", examples=["p-3"])]
    runId: NotRequired[RunId]
    body: NotRequired[BodyPath]
    item: NotRequired[int]


class RunOutcome(TypedDict):
    """How a run ended, or where it stands when the wait was over."""

    runId: RunId
    status: RunStatus
    data: Values
    result: Result
    error: NotRequired[RunFailure]
    currentStepId: NotRequired[StepId | None]
    pauseSignal: NotRequired[PauseSignal | None]
    pauseSignals: NotRequired[list[PauseSignal]]


class StepFailure(TypedDict):
    """Why an attempt of a step failed."""

    type: ErrorType
    message: Message
    status: NotRequired[HttpStatus]
    childRunId: NotRequired[RunId]
    childStepId: NotRequired[StepId | None]


class ChildProgress(TypedDict):
    """How far the child runs of a step are."""

    total: int
    completed: int
    failed: int
    running: int
    paused: int


class StepExecution(TypedDict):
    """A visit of a step; what has not happened is left out."""

    stepId: StepId
    stepType: Annotated[str, Field(examples=["collect-inputs"])]
    stepName: Annotated[str, Field(examples=["Review"])]
    status: Annotated[str, Field(examples=["completed"])]
    startTime: Time
    endTime: NotRequired[Time]
    duration: NotRequired[Milliseconds]
    visit: NotRequired[int]
    attempt: NotRequired[int]
    outputData: NotRequired[Any]
    outputLeftOut: NotRequired[bool]
    error: NotRequired[StepFailure]
    retryAt: NotRequired[Time]
    childRuns: NotRequired[int]
    progress: NotRequired[ChildProgress]
    carriedFrom: NotRequired[RunId]
    calls: NotRequired[list[dict[str, Any]]]
    usage: NotRequired[dict[str, Any] | None]


class RunOrigin(TypedDict):
    """The run and step that a rerun came from."""

    runId: RunId
    stepId: StepId
    seq: int
    version: NotRequired[Annotated[Version, Field(description="its version, where another")]]
    reason: NotRequired[str]


class ChangedStep(TypedDict):
    """A step that is another in the version of a rerun."""

    stepId: StepId
    change: Literal["added", "removed", "changed"]
    done: Annotated[bool, Field(description="done before, and so not done again")]


class StartedRerun(TypedDict):
    """The new run; what its version has different, where another was asked for."""

    runId: NotRequired[RunId]
    version: NotRequired[Version]
    stepId: NotRequired[StepId]
    changedSteps: NotRequired[list[ChangedStep]]
    changedBesides: NotRequired[
        Annotated[list[str], Field(description="keys of the definition", examples=[["constants"]])]
    ]


Title = Annotated[str, Field(examples=["Order 41 of ACME"], description="what the run is called")]
Labels = Annotated[
    dict[str, Annotated[str, Field(max_length=200)]],
    Field(examples=[{"customer": "ACME"}], description="by what the run is found"),
]


class RunStarter(TypedDict):
    """The run and step that started this one without waiting for it."""

    runId: RunId
    stepId: StepId


class RunHold(TypedDict):
    """Who holds the run, since when, and why."""

    by: Annotated[str, Field(examples=["user:ada"])]
    reason: str | None
    since: Time
    nextStepId: Annotated[
        StepId | None, Field(description="what begins next, where it stands between two steps")
    ]


class RunState(TypedDict):
    """How a run stands."""

    runId: RunId
    workflowId: DefinitionId
    version: Version
    title: NotRequired[Title]
    labels: NotRequired[Labels]
    status: RunStatus
    currentStepId: StepId | None
    pauseSignal: PauseSignal | None
    pauseSignals: NotRequired[list[PauseSignal]]
    data: Values
    stepExecutionHistory: list[StepExecution]
    historyCursor: NotRequired[
        Annotated[str, Field(examples=["19000"], description="where older visits are")]
    ]
    result: Result
    error: RunFailure | None
    reason: str | None
    cancelRequested: bool
    body: NotRequired[BodyPath]
    handler: NotRequired[
        Annotated[Literal["onError", "finally"], Field(description="which it has entered")]
    ]
    deadline: NotRequired[Annotated[Time, Field(description="when its `timeout` is over")]]
    hold: NotRequired[RunHold]
    parentRunId: RunId | None
    parentWentOn: NotRequired[
        Annotated[bool, Field(description="whether that run has left it to go on")]
    ]
    startedBy: NotRequired[RunStarter]
    origin: RunOrigin | None
    childRunIds: list[RunId]
    usage: dict[str, Any] | None
    waitingUntil: Time | None
    queuedSince: NotRequired[Annotated[Time, Field(description="it waits for a place to begin")]]
    startTime: Time
    endTime: Time | None


class Made(TypedDict):
    """An expression that made a value."""

    place: Annotated[str, Field(description="in the step", examples=["output.total.value"])]
    expression: Annotated[str, Field(examples=["response.body.total"])]
    reads: Annotated[list[str], Field(examples=[["steps.fetch.output"]])]


Path = Annotated[str, Field(examples=["result.total"])]
EventNumber = Annotated[int, Field(description="the event's number in the run", examples=[9])]


class Explained(TypedDict):
    """One value, and who made it."""

    path: Path
    kind: Annotated[
        Literal[
            "input", "step", "person", "service", "tool", "model", "agent", "workflow", "signal",
            "earlierRun", "caller", "variable", "constant", "secret", "clock", "item", "run",
            "error", "unknown",
        ],
        Field(description="who or what made it"),
    ]  # fmt: skip
    from_: Annotated[
        list[int], Field(alias="from", description="places in `chain` of what it was made of")
    ]
    value: NotRequired[Any]
    valueLeftOut: NotRequired[Annotated[int, Field(description="how long it is, in characters")]]
    stepId: NotRequired[StepId]
    stepType: NotRequired[str]
    stepName: NotRequired[str]
    visit: NotRequired[int]
    event: NotRequired[EventNumber]
    time: NotRequired[Time]
    service: NotRequired[Annotated[str, Field(description="address, tool, model or workflow")]]
    by: NotRequired[Annotated[str, Field(description="the person", examples=["user:ada"])]]
    reason: NotRequired[str]
    runId: NotRequired[RunId]
    made: NotRequired[list[Made]]


class Reached(TypedDict):
    """A step that has read the value, or what was made of it."""

    stepId: StepId
    stepName: str
    stepType: str
    visit: int
    event: EventNumber
    place: str
    expression: str
    path: Path
    isDirect: bool


class Explanation(TypedDict):
    """Where a value came from, and what it reached."""

    path: Path
    value: Any
    chain: list[Explained]
    reached: list[Reached]
    isCut: Annotated[bool, Field(description="whether there is more than is told")]


class PauseLine(TypedDict):
    """A question that waits for somebody."""

    runId: RunId
    workflowId: DefinitionId
    version: Version
    title: Title | None
    labels: Labels
    stepId: StepId
    pauseSignal: dict[str, Any] | None
    seen: Annotated[str, Field(description="the hash of what is asked, to be sent with the answer")]
    mayAnswer: Annotated[bool, Field(description="whether the caller may answer it")]
    since: Time
    parentRunId: RunId | None


class InboxPage(TypedDict):
    """A page of the inbox."""

    pauses: list[PauseLine]
    nextCursor: Annotated[str | None, Field(examples=[".1769860800000.1769860800000"])]


class ControlledRun(TypedDict):
    """What came of a cancel, a terminate or a repair."""

    success: Done
    runId: RunId
    status: RunStatus
    message: Annotated[str, Field(examples=["the run is being cancelled"])]


class RunLine(TypedDict):
    """A run in the list."""

    runId: RunId
    workflowId: DefinitionId
    version: Version
    title: Title | None
    labels: Labels
    status: RunStatus
    currentStepId: StepId | None
    waitingUntil: Time | None
    held: NotRequired[Annotated[bool, Field(description="a person holds it")]]
    parentRunId: RunId | None
    body: NotRequired[BodyPath]
    item: int | None
    startTime: Time
    updatedAt: Time
    endTime: Time | None


class RunPage(TypedDict):
    """A page of the list of runs."""

    runs: list[RunLine]
    nextCursor: RunCursor | None


class BulkFailure(TypedDict):
    """A run that could not be changed."""

    runId: RunId
    message: Message


class BulkOutcome(TypedDict):
    """What a command for many runs did, or with `dryRun` would look at."""

    action: Literal["cancel", "terminate", "delete", "hold", "release", "tryNow", "giveUp", "rerun"]
    changed: NotRequired[int]
    skipped: NotRequired[int]
    failed: NotRequired[int]
    failures: NotRequired[list[BulkFailure]]
    nextCursor: NotRequired[RunCursor | None]
    dryRun: NotRequired[bool]
    matched: NotRequired[int]
    cursor: NotRequired[RunCursor | None]


class DeletedRun(TypedDict):
    """The run that was deleted, and how many with its child runs."""

    success: Done
    runId: RunId
    deletedRuns: int


class AnswerLink(TypedDict):
    """A link that answers one pause."""

    url: Annotated[str, Field(examples=["https://flows.example/answer/eyJhbGciOi"])]
    runId: RunId
    stepId: StepId
    visit: int
    expiresAt: Time


class StoredFile(TypedDict):
    """A file that was uploaded; its id is the value of an input of type file."""

    fileId: Annotated[str, Field(examples=["550e8400-e29b-41d4-a716-446655440000"])]
    fileName: Annotated[str, Field(examples=["agreement.pdf"])]
    mimeType: Annotated[str, Field(examples=["application/pdf"])]
    size: Annotated[int, Field(description="bytes", examples=[48_213])]
