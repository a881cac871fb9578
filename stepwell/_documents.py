"""What the server answers about runs, typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypedDict

Json: TypeAlias = Any
"""A value whose shape is up to the author of the workflow: the type checker lets it pass."""

JsonObject: TypeAlias = Mapping[str, Json]
"""A JSON object whose keys are up to the author of the workflow, or to a newer server."""

StatusName: TypeAlias = Literal[
    "running", "paused", "completed", "failed", "cancelled", "terminated"
]
ENDED = ("completed", "failed", "cancelled", "terminated")


class StepError(TypedDict):
    """Why a visit of a step failed.

    Attributes:
        type: The kind of error, such as `Timeout`.
        message: What went wrong, for people.
    """

    type: str
    message: str


@dataclass(frozen=True, slots=True)
class Action:
    """What a person may choose at a pause.

    Attributes:
        value: What is sent as the answer.
        label: What a button says.
        fields: What it asks for too: the specification of each field, by its name.
    """

    value: str
    label: str
    fields: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PauseSignal:
    """What a run waits for.

    Attributes:
        type: `collect_inputs`, `request_user_action` or `wait_for_signal`.
        step_id: The step that asks.
        action_id: Which action is asked for; None where inputs are.
        run_id: The child run that asks, where it is one.
        pause_id: Which pause of the run this is; None from a server that does not name them.
        message: What the person is asked, where the step says it.
        actions: What may be answered to `request_user_action`.
        fields: What `collect_inputs` asks for: the specification of each field, by its name.
        deadline: Until when an answer counts, as ISO text; None without end.
        document: All of it, as the server sent it.
        body: Which part of its document the run is that asks, where it is not the whole of it.
        item: Which item of its parent's step the run is that asks, from 0.
    """

    type: str
    step_id: str | None
    action_id: str | None
    run_id: str | None
    pause_id: str | None
    message: str | None
    actions: tuple[Action, ...]
    fields: JsonObject
    deadline: str | None
    document: JsonObject
    body: str | None = None
    item: int | None = None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A visit of a step.

    Attributes:
        step_id: The step.
        step_type: Its type, such as `call-api`.
        status: `running`, `completed`, `failed` and the like.
        visit: How often the run had come to this step then, from 1.
        attempt: How often the step was tried in this visit, from 1.
        start_time: When it began, as ISO text.
        end_time: When it ended, as ISO text; None until then.
        duration_ms: How long it took, in milliseconds; None until it has ended.
        output: What the step delivered; None until it has completed.
        error: Why it failed, if it did.
        document: All of it, as the server sent it.
    """

    step_id: str
    step_type: str
    status: str
    visit: int
    attempt: int
    start_time: str
    end_time: str | None
    duration_ms: int | None
    output: Json
    error: StepError | None
    document: JsonObject


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run failed.

    Attributes:
        type: The kind of error, such as `Timeout`.
        message: What went wrong, for people.
        step_id: The step that failed; None where it was none.
    """

    type: str
    message: str
    step_id: str | None


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How a run stands.

    Attributes:
        run_id: The run.
        workflow_id: The workflow that it runs.
        version: The version of the workflow.
        status: `running`, `paused`, `completed`, `failed`, `cancelled` or `terminated`.
        current_step_id: Where it is; None when it has ended.
        pause: What it waits for; None when it is not paused.
        pauses: All that it and the child runs below it wait for, `pause` first; of many a hundred.
        data: The data of the run.
        history: The newest visits of steps, oldest first.
        history_cursor: Where older visits are; None where there are none.
        result: What the run delivered; None until it has completed.
        error: Why it failed, if it did.
        reason: Why it was stopped, if somebody did and said so.
        cancel_requested: Whether a cancel is under way.
        start_time: When it began, as ISO text.
        end_time: When it ended, as ISO text; None until then.
        document: All of it, as the server sent it.
    """

    run_id: str
    workflow_id: str
    version: str
    status: StatusName
    current_step_id: str | None
    pause: PauseSignal | None
    pauses: tuple[PauseSignal, ...]
    data: JsonObject
    history: tuple[HistoryEntry, ...]
    history_cursor: str | None
    result: JsonObject | None
    error: RunError | None
    reason: str | None
    cancel_requested: bool
    start_time: str
    end_time: str | None
    document: JsonObject

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as lists have it.

    Attributes:
        run_id: The run.
        workflow_id: The workflow that it runs.
        version: The version of the workflow.
        status: `running`, `paused`, `completed`, `failed`, `cancelled` or `terminated`.
        current_step_id: Where it is; None when it has ended.
        parent_run_id: The run that started it, where one did.
        start_time: When it began, as ISO text.
        document: All of it, as the server sent it.
        title: What it is called; None where its workflow does not say.
        labels: By what it is found, values by name.
        body: Which part of its document it is a run of, such as `check/stock`; None: all of it.
        item: Which item of its parent's step it is, from 0.
    """

    run_id: str
    workflow_id: str
    version: str
    status: StatusName
    current_step_id: str | None
    parent_run_id: str | None
    start_time: str
    document: JsonObject
    title: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    item: int | None = None


@dataclass(frozen=True, slots=True)
class OpenPause:
    """Something that waits for a person.

    Attributes:
        run_id: The run that asks.
        workflow_id: The workflow that it runs.
        title: What the run is called; None where its workflow does not say.
        pause: What it asks.
        seen: The hash of what it asks: an answer that has it counts for nothing else.
        may_answer: Whether whoever asked for the list may answer it.
        since: When it was asked, as ISO text.
        document: All of it, as the server sent it.
    """

    run_id: str
    workflow_id: str
    title: str | None
    pause: PauseSignal | None
    seen: str
    may_answer: bool
    since: str
    document: JsonObject


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs of a list, newest first.

    Attributes:
        runs: The runs.
        next_cursor: Where the next page begins; None on the last one.
    """

    runs: tuple[RunLine, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, on disk before it is told.

    Attributes:
        position: Its place among all events of the server; grows, with gaps.
        type: What happened, such as `run.completed`.
        time: When, as ISO text.
        run_id: The run that it happened to.
        step_id: The step that it happened at, where it was one.
        status: The run's new status, where the event changes it.
        document: All of it, as the server sent it.
    """

    position: int
    type: str
    time: str
    run_id: str
    step_id: str | None
    status: StatusName | None
    document: JsonObject
