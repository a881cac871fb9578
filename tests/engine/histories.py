"""One workflow with a step for each policy, and the histories that lead into its steps.

A history is written as `inside("step", ...)`: the run started at 0 with that step, and these
events followed. A step that completes leads to `end`, which ends the run.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from engine import (
    AttemptFailed,
    Cancel,
    CancelRequested,
    ChildrenAwaited,
    ChildrenLeft,
    Condition,
    ConditionFailed,
    Edge,
    Event,
    Graph,
    Input,
    Json,
    Occasion,
    OnInterrupted,
    Pause,
    RetryPolicy,
    RunError,
    RunFailed,
    RunPaused,
    RunStarted,
    Step,
    StepCancelled,
    StepCompleted,
    StepError,
    StepSlept,
    StepStarted,
    fold,
    react,
)

RUN = "dynamic-workflow-1"
CHILD = Pause("collect_inputs", {"fields": ["city"]}, run_id="dynamic-workflow-2")
OTHER_CHILD = Pause("collect_inputs", {"fields": ["city"]}, run_id="dynamic-workflow-3")
PERSON = Pause("collect_inputs", {"fields": ["name"]})
CRASH = Pause("request_user_action", {"stepId": "asks"}, interruption=True)
BROKEN = StepError("HttpStatus", "the answer was 500")
FATAL = StepError("HttpStatus", "the answer was 400", retryable=False)


def size_below(limit: int) -> Condition:
    def holds(names: Mapping[str, Any]) -> bool:
        return bool(names["data"]["size"] < limit)

    return holds


def error_is(kind: str) -> Condition:
    def holds(names: Mapping[str, Any]) -> bool:
        return bool(names["error"]["type"] == kind)

    return holds


def never(_: Mapping[str, Json]) -> bool:
    return False


def misspelt(_: Mapping[str, Json]) -> bool:
    raise ConditionFailed("data.sise: there is no such name")


ON_ERROR, ON_TIMEOUT, ON_CANCEL = Occasion.ERROR, Occasion.TIMEOUT, Occasion.CANCEL
END = Edge("end")
RETRY = RetryPolicy(3, 1_000, 2.0, 60_000, frozenset({"Fatal"}))
STEPS = (
    Step("end", "end-flow", ends=True),
    Step("plain", "call-api", "Call it", edges=(END,)),
    Step("small", "t", edges=(END,)),
    Step("large", "t", edges=(END,)),
    Step("mend", "t", edges=(END,)),
    Step("tidy", "t", edges=(END,)),
    # Which edge is taken.
    Step("picks", "t", edges=(Edge("small", condition=size_below(10), text="data.size < 10"), Edge("large", condition=size_below(100), text="data.size < 100"), END)),
    Step("strict", "t", edges=(Edge("small", condition=size_below(10), text="data.size < 10"), Edge("large", condition=size_below(100), text="data.size < 100"))),
    Step("garbled", "t", edges=(Edge("small", condition=misspelt, text="data.sise"), END)),
    Step("open", "t"),
    Step("loops", "t", edges=(Edge("loops"),)),
    # The outcome of a failure.
    Step("retries", "t", "Try it", retry=RETRY, edges=(END,)),
    Step("hurries", "t", retry=RetryPolicy(3, 0), edges=(END,)),
    Step("catches", "t", edges=(END, Edge("mend", ON_ERROR))),
    Step("sorts", "t", edges=(Edge("mend", ON_ERROR, error_is("HttpStatus"), "error.type == 'HttpStatus'"), END)),
    # The outcome of an attempt that a crash interrupted.
    Step("once", "t", on_interrupted=OnInterrupted.FAIL, edges=(END,)),
    Step("once-caught", "t", on_interrupted=OnInterrupted.FAIL, edges=(END, Edge("mend", ON_ERROR))),
    Step("unsure", "t", on_interrupted=OnInterrupted.ASK, edges=(END,)),
    # The outcome of a deadline.
    Step("asks", "t", edges=(END,)),
    Step("reminds", "t", edges=(END, Edge("mend", ON_TIMEOUT))),
    Step("reminds-never", "t", edges=(END, Edge("mend", ON_TIMEOUT, never, "false"))),
    Step("asks-caught", "t", edges=(END, Edge("mend", ON_ERROR))),
    # The outcome of a cancel.
    Step("tidies", "t", retry=RETRY, edges=(END, Edge("tidy", ON_CANCEL), Edge("mend", ON_ERROR))),
)  # fmt: skip
GRAPH = Graph("plain", {step.id: step for step in STEPS})


def started(first_step: str, **more: Any) -> RunStarted:
    return RunStarted(
        0, RUN, "order", "1.0.0", first_step, {"size": 5}, {"team": "ops"}, "ann", **more
    )


def inside(step_id: str, *more: Event, first: Mapping[str, Any] | None = None) -> tuple[Event, ...]:
    """Return the history of a run that started with this step, followed by these events."""
    step = GRAPH.steps[step_id]
    return (
        started(step_id, **(first or {})),
        StepStarted(0, step_id, 1, 1, step.type, step.name),
        *more,
    )


def paused(
    step_id: str, pause: Pause = PERSON, deadline_ms: int | None = None
) -> tuple[Event, ...]:
    """Return the history of a run that waits for a person in this step."""
    return inside(step_id, RunPaused(10, step_id, 1, pause, deadline_ms))


def with_children(step_id: str, *more: Event, deadline_ms: int | None = None) -> tuple[Event, ...]:
    """Return the history of a run that waits for two child runs in this step."""
    return inside(step_id, ChildrenAwaited(10, step_id, 1, 2, deadline_ms), *more)


NOTHING: tuple[Event, ...] = ()
SHORT = Graph("loops", GRAPH.steps, max_step_executions=2)
TIGHT = Graph("tidies", GRAPH.steps, max_step_executions=1)
CIRCLE = Graph(
    "tidies",
    {
        "tidies": Step("tidies", "t", edges=(Edge("loops", ON_CANCEL),)),
        "loops": Step("loops", "t", edges=(Edge("loops"),)),
    },
    max_step_executions=1,
)
HANDLED = Graph("plain", GRAPH.steps, on_error="mend", at_end="tidy", timeout_ms=500)
CAUGHT = Graph("plain", GRAPH.steps, on_error="mend")
TIDIED = Graph("plain", GRAPH.steps, at_end="tidy")
EMPTY = Graph("plain", GRAPH.steps, max_step_executions=0)
LOOPED = inside("loops", StepCompleted(10, "loops", 1, None, {}, "loops"))
CANCEL, CANCELLED = Cancel("no need", "ann"), CancelRequested(20, "no need", "ann")
STOPPING = CancelRequested(10, "no need", "ann")
CLEANING = inside(
    "tidies", STOPPING, StepCancelled(11, "tidies", 1, "tidy"), StepStarted(11, "tidy", 1, 1, "t")
)
LEFT_BY_CANCEL = with_children("tidies", CANCELLED, ChildrenLeft(20, "tidies", 1, 520))
LEFT_BROKEN = with_children("catches", ChildrenLeft(20, "catches", 1, 520, BROKEN))
RETRYING = inside("retries", AttemptFailed(10, "retries", 1, 1, BROKEN, 800))
AGAIN = (*RETRYING, StepStarted(800, "retries", 1, 2, "t"))
SLEEPING = inside("plain", StepSlept(10, "plain", 1, 800))
UNKNOWN = "the server stopped while the step was running; whether it did its work is unknown"
MUST_NOT = StepError("Interrupted", UNKNOWN, retryable=False)
HALTED = StepError("Interrupted", "the server stopped while the step was running")
LATE = StepError("DeadlinePassed", "nobody answered before the deadline", retryable=False)
BUSY = StepError("Busy", "not now", retry_after_ms=9_000)
TOO_MANY = (
    "the run has executed {} steps{}, which is the limit; "
    "end the loop earlier or raise maxStepExecutions"
)
NO_EDGE = "no edge out of step {} is true: {}. Add an edge without a condition."
SLOW = StepError("Timeout", "the child runs took longer than the step's timeout")


class Row(NamedTuple):
    """One case: the events so far, the input, its moment, and the resulting events."""

    says: str
    so_far: tuple[Event, ...]
    happens: Input
    now_ms: int
    follows: tuple[Event, ...]
    graph: Graph = GRAPH

    def check(self) -> None:
        run = fold(self.so_far)
        follows = react(run, self.graph, self.happens, self.now_ms)
        assert follows == self.follows
        assert fold((*self.so_far, *follows)) == run, "the run is the fold of what happened"


def ends(at_ms: int) -> StepStarted:
    """Return the entry into the step `end`."""
    return StepStarted(at_ms, "end", 1, 1, "end-flow")


def enters(at_ms: int, step_id: str) -> StepStarted:
    return StepStarted(at_ms, step_id, 1, 1, "t")


def fails(at_ms: int, step_id: str, error: StepError, attempts: int = 1) -> RunFailed:
    again = error.retryable and error.type != "Fatal"
    return RunFailed(at_ms, RunError(step_id, error.type, error.message, attempts, retryable=again))


def suspect(times: int) -> StepError:
    return StepError(
        "Interrupted",
        f"the process has ended {times} times while the step was running, so the step may be the "
        "cause; it is not run again",
        retryable=False,
    )
