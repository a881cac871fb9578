"""How a run leaves a step and enters the next one, or ends."""

from dataclasses import replace
from typing import TypeAlias

from engine.apply import apply
from engine.events import (
    Event,
    RunCancelled,
    RunCompleted,
    RunFailed,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepStarted,
    StepTimedOut,
)
from engine.graph import Graph, Occasion
from engine.route import NoWayOut, next_step
from engine.run import Run
from engine.values import RunError
from engine.visit import VisitStatus

StepEnd: TypeAlias = StepCompleted | StepFailed | StepTimedOut | StepCancelled

_OCCASION = {
    StepCompleted: Occasion.SUCCESS,
    StepFailed: Occasion.ERROR,
    StepTimedOut: Occasion.TIMEOUT,
    StepCancelled: Occasion.CANCEL,
}


def end_of_step(run: Run, graph: Graph, end: StepEnd) -> tuple[Event, ...]:
    """Return `end` with the chosen edge filled in, and what follows from it.

    The edge is chosen in the scope that the step leaves behind, so the event is applied
    once without it; the event that is kept records the choice.
    """
    step = graph.steps[end.step_id]
    try:
        target = next_step(lambda: apply(run, end), step, _occasion(run, end))
    except NoWayOut as stuck:
        return (end, _failed(apply(run, end), stuck.kind, str(stuck), end.at_ms))
    routed = replace(end, next_step=target)
    return (routed, *advance(apply(run, routed), graph, end.at_ms))


def advance(run: Run, graph: Graph, now_ms: int) -> tuple[Event, ...]:
    """Return the events that carry a run on from between two steps."""
    if run.next_step is None:
        return (_last_event(run, now_ms),)
    entered, limit = run.executions, graph.max_step_executions
    if run.cleaning_up:
        entered, limit = entered - run.cleans_up_from, graph.max_clean_up_executions
    if entered >= limit:
        cleaning_up = " to clean up" if run.cleaning_up else ""
        message = (
            f"the run has executed {entered} steps{cleaning_up}, which is the limit; "
            "end the loop earlier or raise maxStepExecutions"
        )
        return (_failed(run, "TooManySteps", message, now_ms),)
    step = graph.steps[run.next_step]
    visit = run.visits.get(step.id, 0) + 1
    return (StepStarted(now_ms, step.id, visit, 1, step.type, step.name),)


def _occasion(run: Run, end: StepEnd) -> Occasion:
    """A cancel overrides where the step in flight would have led."""
    return Occasion.CANCEL if run.is_stopping else _OCCASION[type(end)]


def _last_event(run: Run, now_ms: int) -> Event:
    if run.cancel_requested:
        return RunCancelled(now_ms)
    visit = run.last_visit
    if visit.status is VisitStatus.FAILED and visit.error:
        error = RunError(visit.step_id, visit.error.type, visit.error.message, visit.attempt)
        return RunFailed(now_ms, error)
    if visit.status is VisitStatus.TIMED_OUT:
        message = 'nobody answered before the deadline, and no `on: "timeout"` edge is true'
        return _failed(run, "DeadlinePassed", message, now_ms)
    return RunCompleted(now_ms, visit.output)


def _failed(run: Run, kind: str, message: str, now_ms: int) -> RunFailed:
    visit = run.past[-1] if run.past else None
    step_id, attempts = (visit.step_id, visit.attempt) if visit else (None, 0)
    return RunFailed(now_ms, RunError(step_id, kind, message, attempts))
