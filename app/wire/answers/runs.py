"""The JSON of answers about runs, for the API description.

Optional fields are `NotRequired`; fields that may be null say so.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from app.wire.answers.parts import (
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
    """Why a run failed; without a step if it failed before its first one."""

    stepId: StepId | None
    type: ErrorType
    message: Message
    attempts: int
    status: NotRequired[HttpStatus]


BodyPath = Annotated[
    str,
    Field(examples=["check/stock"], description="the part of the definition that it runs"),
]


class PauseSignal(TypedDict):
    """What a run waits for; further fields depend on what is asked."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc] # pydantic's way

    type: Literal["request_user_action", "collect_inputs", "wait_for_signal"]
    stepId: StepId
    pauseId: Annotated[str, Field(description="the id that an answer refers to", examples=["p-3"])]
    runId: NotRequired[RunId]
    body: NotRequired[BodyPath]
    item: NotRequired[int]


class RunOutcome(TypedDict):
    """How a run ended, or its state when the wait was over."""

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
    """The progress of a step's child runs."""

    total: int
    completed: int
    failed: int
    running: int
    paused: int


class GivenAnswer(TypedDict):
    """An answer to a question of a step; its fields are in the step's output."""

    answeredBy: str
    answeredAt: Time
    actionValue: NotRequired[str]
    comment: NotRequired[str]
    attachments: NotRequired[list[Any]]


class StepExecution(TypedDict):
    """A visit of a step; fields about what has not happened are left out."""

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
    answers: NotRequired[list[GivenAnswer]]
    childRuns: NotRequired[int]
    progress: NotRequired[ChildProgress]
    carriedFrom: NotRequired[RunId]
    calls: NotRequired[list[dict[str, Any]]]
    usage: NotRequired[dict[str, Any] | None]


class RunOrigin(TypedDict):
    """The run and step from which a rerun started."""

    runId: RunId
    stepId: StepId
    seq: int
    version: NotRequired[Annotated[Version, Field(description="its version, if a different one")]]
    reason: NotRequired[str]


class ChangedStep(TypedDict):
    """A step that differs in the version of a rerun."""

    stepId: StepId
    change: Literal["added", "removed", "changed"]
    done: Annotated[bool, Field(description="done by an earlier run and not repeated")]


class StartedRerun(TypedDict):
    """The new run, and what differs in its version if another one was requested."""

    runId: NotRequired[RunId]
    version: NotRequired[Version]
    stepId: NotRequired[StepId]
    changedSteps: NotRequired[list[ChangedStep]]
    changedBesides: NotRequired[
        Annotated[list[str], Field(description="keys of the definition", examples=[["constants"]])]
    ]


Title = Annotated[str, Field(examples=["Order 41 of ACME"], description="the title of the run")]
Labels = Annotated[
    dict[str, Annotated[str, Field(max_length=200)]],
    Field(examples=[{"customer": "ACME"}], description="labels by which the run can be found"),
]


class RunStarter(TypedDict):
    """The run and step that started this run without waiting for it."""

    runId: RunId
    stepId: StepId


class RunHold(TypedDict):
    """Who holds the run, since when, and why."""

    by: Annotated[str, Field(examples=["user:ada"])]
    reason: str | None
    since: Time
    nextStepId: Annotated[
        StepId | None,
        Field(description="the step that begins next, if the run is between two steps"),
    ]


class RunState(TypedDict):
    """The state of a run."""

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
        Annotated[str, Field(examples=["19000"], description="the cursor for older visits")]
    ]
    result: Result
    error: RunFailure | None
    reason: str | None
    cancelRequested: bool
    body: NotRequired[BodyPath]
    handler: NotRequired[
        Annotated[
            Literal["onError", "finally"], Field(description="the handler that the run has entered")
        ]
    ]
    deadline: NotRequired[Annotated[Time, Field(description="when its `timeout` ends")]]
    hold: NotRequired[RunHold]
    parentRunId: RunId | None
    parentWentOn: NotRequired[
        Annotated[bool, Field(description="whether the parent run has continued without it")]
    ]
    startedBy: NotRequired[RunStarter]
    origin: RunOrigin | None
    childRunIds: list[RunId]
    usage: dict[str, Any] | None
    waitingUntil: Time | None
    queuedSince: NotRequired[
        Annotated[Time, Field(description="the run waits for a free slot to begin")]
    ]
    startTime: Time
    endTime: Time | None


class PauseLine(TypedDict):
    """A question that waits for a person."""

    runId: RunId
    workflowId: DefinitionId
    version: Version
    title: Title | None
    labels: Labels
    stepId: StepId
    pauseSignal: dict[str, Any] | None
    seen: Annotated[str, Field(description="the hash of the question, to be sent with the answer")]
    mayAnswer: Annotated[bool, Field(description="whether the caller may answer the question")]
    since: Time
    parentRunId: RunId | None


class InboxPage(TypedDict):
    """A page of the inbox."""

    pauses: list[PauseLine]
    nextCursor: Annotated[str | None, Field(examples=[".1769860800000.1769860800000"])]


class ControlledRun(TypedDict):
    """The result of a cancel, a terminate or a repair."""

    success: Done
    runId: RunId
    status: RunStatus
    message: Annotated[str, Field(examples=["the run is being cancelled"])]


class ListedError(TypedDict):
    """The error of a run in the list; a message of more than 300 characters is cut."""

    stepId: StepId | None
    type: ErrorType
    message: Message


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
    held: NotRequired[Annotated[bool, Field(description="the run is held by a person")]]
    retryAt: NotRequired[
        Annotated[Time, Field(description="the step has failed and is attempted again")]
    ]
    error: Annotated[
        ListedError | None,
        Field(description="why it failed, or why its step is attempted again"),
    ]
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
    """The result of a command for many runs; with `dryRun`, what it would process."""

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
    """The deleted run, and how many runs were deleted including child runs."""

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
    """An uploaded file; its id is the value of an input of type file."""

    fileId: Annotated[str, Field(examples=["550e8400-e29b-41d4-a716-446655440000"])]
    fileName: Annotated[str, Field(examples=["agreement.pdf"])]
    mimeType: Annotated[str, Field(examples=["application/pdf"])]
    size: Annotated[int, Field(description="bytes", examples=[48_213])]
