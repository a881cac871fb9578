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
        message: What happened and how to mend it, free of secrets.
        retryable: False when another attempt cannot help.
        retry_after_ms: The wait that the other side asked for, in milliseconds.
        child_run_id: The child run that failed, where that is why.
        child_step_id: The step in which the child run failed.
        child_type: The child run's own error; empty where `type` and `message` are that.
        child_message: Its message.
        status: The status of an HTTP answer that was not expected.
        body: The beginning of its body, as JSON where it is short and JSON.
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
        step_id: The step that failed, None where it was none.
        type: A stable word that definitions name, such as `Timeout` or `HttpStatus`.
        message: What happened and how to mend it, free of secrets.
        attempts: How many attempts the step had.
        status: As in `StepError`.
        body: As in `StepError`.
    """

    step_id: str | None
    type: str
    message: str
    attempts: int = 0
    status: int | None = None
    body: Json = None


ON_ERROR = "onError"
"""The handler that a run enters when a failure is not handled nearer."""

FINALLY = "finally"
"""The handler that a run enters however it ends, but for a terminate."""


@value(frozen=True, slots=True)
class Ending:
    """How a run ends, or would without its handlers.

    Attributes:
        status: `completed`, `failed` or `cancelled`.
        result: What it gives where it has completed.
        error: Why it failed.
    """

    status: str
    result: Json = None
    error: RunError | None = None


@value(frozen=True, slots=True)
class Record:
    """Something a step has done and that is never done again: its value and its moment."""

    at_ms: int
    value: Json


@value(frozen=True, slots=True)
class Parent:
    """The run that started this one, and for which part of which step.

    Attributes:
        execution: How many steps the parent had entered: which of its visits this is.
        attempt: The parent's attempt of that step.
        item: Which of the visit's child runs this is, from 0.
        depth: How many runs stand above this one.
    """

    run_id: str
    step_id: str
    execution: int
    attempt: int
    item: int
    depth: int


@value(frozen=True, slots=True)
class Place:
    """A place among the runs of a workflow, or of a pool, that may be under way at once.

    Attributes:
        key: Which of these runs count together; a text.
        limit: How many of them may be under way.
        when_full: `queue`, `refuse` or `cancel-oldest`.
        priority: Those with a larger one are admitted first, and else the older.
        pool: The name of the pool; empty where the run counts within its workflow.
    """

    key: str
    limit: int
    when_full: str = "queue"
    priority: int = 0
    pool: str = ""


@value(frozen=True, slots=True)
class Starter:
    """The run that started this one without waiting for it; each then goes its own way.

    Attributes:
        depth: How many runs stand above this one, those that wait for no other included.
    """

    run_id: str
    step_id: str
    depth: int


@value(frozen=True, slots=True)
class Origin:
    """The run of which this one is a rerun, and where it left its history.

    Attributes:
        seq: The number of the event with which that run entered the step.
        version: Of which version that run was, where this one is of another.
        reason: Why it was run again.
    """

    run_id: str
    step_id: str
    seq: int
    version: str | None = None
    reason: str | None = None


@value(frozen=True, slots=True)
class CarriedVisit:
    """A visit that a rerun has from an earlier run: it is told of, and never done again.

    Attributes:
        run_id: The run that did it, in a chain of reruns too.
        status: How it ended, as `VisitStatus` says it.
        attempt: How many attempts it had.
        left_out: True when it had an output that was too large to be carried.
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
    """Why a run does not go on though nothing keeps it: somebody holds it."""

    at_ms: int
    reason: str | None
    caller: str


SIGNAL_PAUSE = "wait_for_signal"
"""The type of a pause that ends with a signal; its body has the signal's `name` and `key`."""

PAUSE_UPKEEP = frozenset({"notices", "plan", "planDone"})
"""Keys of a pause that say what is still to be done about it: nobody is shown them."""


@value(frozen=True, slots=True)
class Pause:
    """What a paused run waits for.

    Attributes:
        type: `collect_inputs`, `request_user_action` or `wait_for_signal`.
        body: What a person needs to answer, as shown in `pauseSignal`, and what is due meanwhile.
        interruption: True when the pause asks what to do about a step that a crash
            interrupted, and not for an answer to the step itself.
        run_id: The child run that asks, when it is not this run itself.
    """

    type: str
    body: JsonObject
    interruption: bool = False
    run_id: str | None = None

    def shown(self, run_id: str, seq: int) -> JsonObject:
        """Return the pause as people are shown it.

        Args:
            run_id: The run that waits.
            seq: The number of the event with which its pause began.

        Returns:
            The body with `type` and `pauseId`, which is new for each pause. Where a child run
            asks, it is that of the child's.
        """
        own = own_pause_id(run_id, seq)
        pause_id = self.body.get("pauseId", own) if self.run_id else own
        shown = {name: item for name, item in self.body.items() if name not in PAUSE_UPKEEP}
        return {"type": self.type, **shown, "pauseId": pause_id}


def own_pause_id(run_id: str, seq: int) -> str:
    """Name the pause of a run that began with event `seq`, as no other pause is named."""
    return f"{run_id.rpartition('-')[2]}-{seq}"
