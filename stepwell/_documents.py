"""The types of the server's answers about runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypedDict

Json: TypeAlias = Any
"""A value whose shape the author of the workflow decides: the type checker accepts any use."""

JsonObject: TypeAlias = Mapping[str, Json]
"""A JSON object whose keys the author of the workflow, or a newer server, decides."""

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
    """A choice that a person has at a pause.

    Attributes:
        value: What is sent as the answer.
        label: The text of the button.
        fields: What else it asks for: the specification of each field, by its name.
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
        action_id: The action that is asked for; None if inputs are asked for.
        run_id: The child run that asks, if it is one.
        pause_id: The id of the pause; None from a server that does not send one.
        message: The question to the person, if the step has one.
        actions: The possible answers to `request_user_action`.
        fields: What `collect_inputs` asks for: the specification of each field, by its name.
        deadline: Until when it can be answered, as ISO text; None for no deadline.
        document: The whole JSON object, as the server sent it.
        body: The part of its document that the asking run executes, if not the whole of it.
        item: The item of its parent's step that the asking run executes, from 0.
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
        visit: The number of this visit of the step in the run, from 1.
        attempt: The number of the attempt in this visit, from 1.
        start_time: When it began, as ISO text.
        end_time: When it ended, as ISO text; None until then.
        duration_ms: How long it took, in milliseconds; None until it has ended.
        output: What the step delivered; None until it has completed.
        error: Why it failed, if it did.
        document: The whole JSON object, as the server sent it.
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
        step_id: The step that failed; None if no step did.
    """

    type: str
    message: str
    step_id: str | None


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The state of a run.

    Attributes:
        run_id: The run.
        workflow_id: The workflow that it runs.
        version: The version of the workflow.
        status: `running`, `paused`, `completed`, `failed`, `cancelled` or `terminated`.
        current_step_id: The step that it is in; None when it has ended.
        pause: What it waits for; None if it is not paused.
        pauses: All pauses of the run and the child runs below it, `pause` first; at most a hundred.
        data: The data of the run.
        history: The newest visits of steps, oldest first.
        history_cursor: The cursor for older visits; None if there are none.
        result: What the run delivered; None until it has completed.
        error: Why it failed, if it did.
        reason: Why it was stopped, if somebody stopped it and gave a reason.
        cancel_requested: Whether a cancel is under way.
        start_time: When it began, as ISO text.
        end_time: When it ended, as ISO text; None until then.
        document: The whole JSON object, as the server sent it.
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
    """A run in a list.

    Attributes:
        run_id: The run.
        workflow_id: The workflow that it runs.
        version: The version of the workflow.
        status: `running`, `paused`, `completed`, `failed`, `cancelled` or `terminated`.
        current_step_id: The step that it is in; None when it has ended.
        parent_run_id: The run that started it, if one did.
        start_time: When it began, as ISO text.
        document: The whole JSON object, as the server sent it.
        title: Its title; None if its workflow has none.
        labels: Its labels, values by name.
        body: The part of its document that it executes, such as `check/stock`; None for all of it.
        item: The item of its parent's step that it executes, from 0.
        error: Why it failed, or why its step is attempted again; None while it does well.
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
    error: RunError | None = None


@dataclass(frozen=True, slots=True)
class OpenPause:
    """A pause that waits for a person.

    Attributes:
        run_id: The run that asks.
        workflow_id: The workflow that it runs.
        title: The run's title; None if its workflow has none.
        pause: What it asks.
        seen: The hash of the question: an answer sent with it counts for this question only.
        may_answer: Whether the caller may answer it.
        since: When it was asked, as ISO text.
        document: The whole JSON object, as the server sent it.
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
    """A page of a list of runs, newest first.

    Attributes:
        runs: The runs.
        next_cursor: The cursor for the next page; None on the last one.
    """

    runs: tuple[RunLine, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a run; it is on disk before it is sent.

    Attributes:
        position: Its position among all events of the server; grows, with gaps.
        type: What happened, such as `run.completed`.
        time: When, as ISO text.
        run_id: The run.
        step_id: The step, if the event concerns one.
        status: The run's new status, if the event changes it.
        document: The whole JSON object, as the server sent it.
    """

    position: int
    type: str
    time: str
    run_id: str
    step_id: str | None
    status: StatusName | None
    document: JsonObject
