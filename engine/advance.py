"""How a run leaves a step and enters the next one, or ends."""

from collections.abc import Callable
from typing import TypeAlias

from engine.apply import apply, happen, route
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
from engine.route import NoWayOut, next_step, sure_step
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


def end_of_step(
    run: Run, graph: Graph, kind: type[StepEnd], now_ms: int, **more: object
) -> tuple[Event, ...]:
    """Let the run leave its step by an event of this kind, and go on; return what happened.

    An edge with a condition is chosen in the scope that the step leaves behind, so the end is
    applied before it says where it leads.
    """
    assert run.current is not None  # noqa: S101 - it is in a step
    at = (now_ms, run.current.step_id, run.current.visit)
    step = graph.steps[run.current.step_id]
    # A cancel overrides where the step in flight would have led.
    occasion = Occasion.CANCEL if run.is_stopping else _OCCASION[kind]
    target = sure_step(step, occasion)
    make: Callable[..., StepEnd] = kind
    end = make(*at, next_step=target, **more)
    apply(run, end)
    if target is None:
        try:
            target = next_step(run, step, occasion)
        except NoWayOut as stuck:
            return (end, happen(run, _failed(run, stuck.kind, str(stuck), now_ms)))
        if target is not None:
            route(run, target)
            end = make(*at, next_step=target, **more)
    return (end, *advance(run, graph, now_ms))


def advance(run: Run, graph: Graph, now_ms: int) -> tuple[Event, ...]:
    """Carry a run on from between two steps; return what happened."""
    if run.next_step is None:
        return (_end(run, now_ms),)
    entered, limit = run.executions, graph.max_step_executions
    if run.cleaning_up:
        entered, limit = entered - run.cleans_up_from, graph.max_clean_up_executions
    if entered >= limit:
        cleaning_up = " to clean up" if run.cleaning_up else ""
        message = (
            f"the run has executed {entered} steps{cleaning_up}, which is the limit; "
            "end the loop earlier or raise maxStepExecutions"
        )
        return (happen(run, _failed(run, "TooManySteps", message, now_ms)),)
    step = graph.steps[run.next_step]
    visit = run.visits.get(step.id, 0) + 1
    return (happen(run, StepStarted(now_ms, step.id, visit, 1, step.type, step.name)),)


def _end(run: Run, now_ms: int) -> Event:
    return happen(run, _last_event(run, now_ms))


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
