"""The plain values that events, runs and steps pass around."""

from typing import TypeAlias

from engine.value import value

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"


@value(frozen=True, slots=True)
class StepError:
    """Why an attempt of a step failed.

    Attributes:
        type: A stable word that policies name, such as `Timeout` or `HttpStatus`.
        message: What happened and how to fix it, free of secrets.
        retryable: False when another attempt cannot help.
        retry_after_ms: The wait that the other side asked for, in milliseconds.
        child_run_id: The child run that caused the failure, if one did.
        child_step_id: The step in which the child run failed.
        child_type: The child run's own error type; empty if it equals `type`.
        child_message: The child run's own error message.
        status: The status of an unexpected HTTP response.
        body: The beginning of that response's body, as JSON if it is short and valid JSON.
    """

    type: str
    message: str
    retryable: bool = True
    retry_after_ms: int | None = None
    child_run_id: str | None = None
    child_step_id: str | None = None
    child_type: str = ""
    child_message: str = ""
    status: int | None = None
    body: Json = None


@value(frozen=True, slots=True)
class RunError:
    """Why a run failed.

    Attributes:
        step_id: The step that failed, None if no step did.
        type: A stable word that definitions name, such as `Timeout` or `HttpStatus`.
        message: What happened and how to fix it, free of secrets.
        attempts: How many attempts the step made.
        status: As in `StepError`.
        body: As in `StepError`.
        retryable: False when the same run would fail again.
    """

    step_id: str | None
    type: str
    message: str
    attempts: int = 0
    status: int | None = None
    body: Json = None
    retryable: bool = True


ON_ERROR = "onError"
"""The handler that a run enters when no edge handles a failure."""

FINALLY = "finally"
"""The handler that a run enters however it ends, except after a terminate."""


@value(frozen=True, slots=True)
class Ending:
    """How a run ends, or would end without its handlers.

    Attributes:
        status: `completed`, `failed` or `cancelled`.
        result: The result of a completed run.
        error: Why the run failed, or why its clean-up did not reach its end.
    """

    status: str
    result: Json = None
    error: RunError | None = None


@value(frozen=True, slots=True)
class Record:
    """A finished part of a step's work, never repeated: its value and its time."""

    at_ms: int
    value: Json


@value(frozen=True, slots=True)
class Parent:
    """The run that started this one, and for which part of which step.

    Attributes:
        execution: How many steps the parent had entered, which identifies the parent's visit.
        attempt: The parent's attempt of that step.
        item: The number of this child run within the visit, from 0.
        depth: How many ancestor runs this one has.
    """

    run_id: str
    step_id: str
    execution: int
    attempt: int
    item: int
    depth: int


@value(frozen=True, slots=True)
class Place:
    """A place in the limited number of concurrent runs of a workflow or a pool.

    Attributes:
        key: The text that groups the runs that are counted together.
        limit: How many of them may run at once.
        when_full: `queue`, `refuse` or `cancel-oldest`.
        priority: Runs with a higher priority are admitted first; among equals, the oldest.
        pool: The name of the pool; empty if the run is counted within its workflow.
    """

    key: str
    limit: int
    when_full: str = "queue"
    priority: int = 0
    pool: str = ""


@value(frozen=True, slots=True)
class Starter:
    """The run that started this one without waiting for it; both then continue independently.

    Attributes:
        depth: How many ancestor runs this one has, including those that do not wait for it.
    """

    run_id: str
    step_id: str
    depth: int


@value(frozen=True, slots=True)
class Origin:
    """The run that this run reruns, and the point at which it left that run's history.

    Attributes:
        seq: The number of the event with which the earlier run entered the step.
        version: The version of the earlier run, if it differs from this run's.
        reason: Why it was run again.
    """

    run_id: str
    step_id: str
    seq: int
    version: str | None = None
    reason: str | None = None


@value(frozen=True, slots=True)
class CarriedVisit:
    """A visit that a rerun takes over from an earlier run; it is shown and never repeated.

    Attributes:
        run_id: The run that made the visit, also in a chain of reruns.
        status: How it ended, as `VisitStatus` says it.
        attempt: How many attempts it had.
        left_out: True when its output was too large to be taken over.
    """

    run_id: str
    step_id: str
    visit: int
    step_type: str
    step_name: str | None
    status: str
    attempt: int
    started_at_ms: int
    ended_at_ms: int
    output: Json = None
    error: StepError | None = None
    left_out: bool = False


@value(frozen=True, slots=True)
class Hold:
    """Who holds a run that could otherwise continue, and why."""

    at_ms: int
    reason: str | None
    caller: str


SIGNAL_PAUSE = "wait_for_signal"
"""The type of a pause that ends with a signal; its body has the signal's `name` and `key`."""

PAUSE_UPKEEP = frozenset({"notices", "plan", "planDone"})
"""Keys of a pause with scheduled work, which are never shown to people."""


@value(frozen=True, slots=True)
class Pause:
    """What a paused run waits for.

    Attributes:
        type: `collect_inputs`, `request_user_action` or `wait_for_signal`.
        body: What a person needs to answer, as shown in `pauseSignal`, and what is due meanwhile.
        interruption: True when the pause asks what to do about a step that a crash interrupted,
            instead of asking for an answer to the step itself.
        run_id: The child run that asks, when it is not this run itself.
    """

    type: str
    body: JsonObject
    interruption: bool = False
    run_id: str | None = None

    def shown(self, run_id: str, seq: int) -> JsonObject:
        """Return the pause in the form that people are shown.

        Args:
            run_id: The run that waits.
            seq: The number of the event with which its pause began.

        Returns:
            The body with `type` and a `pauseId` that is unique to each pause. If a child run asks,
            it is the child's `pauseId`.
        """
        own = own_pause_id(run_id, seq)
        pause_id = self.body.get("pauseId", own) if self.run_id else own
        shown = {name: item for name, item in self.body.items() if name not in PAUSE_UPKEEP}
        return {"type": self.type, **shown, "pauseId": pause_id}


def own_pause_id(run_id: str, seq: int) -> str:
    """Return a unique name for the pause of a run that began with event `seq`."""
    return f"{run_id.rpartition('-')[2]}-{seq}"
