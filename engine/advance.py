"""How a run leaves a step and then enters the next step, enters a handler, or ends."""

from collections.abc import Callable
from typing import TypeAlias

from engine.apply import apply, happen, route
from engine.events import (
    Event,
    HandlerEntered,
    RunCancelled,
    RunCompleted,
    RunFailed,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepStarted,
    StepTimedOut,
)
from engine.graph import Graph, Occasion, Step
from engine.route import NoWayOut, next_step
from engine.run import Run
from engine.transitions import Status
from engine.values import FINALLY, ON_ERROR, Ending, RunError, StepError
from engine.visit import Visit, VisitStatus

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
    """End the step with an event of this kind and continue the run; return the events.

    The condition of an edge is evaluated in the scope that the step leaves behind. The event is
    therefore applied before its `next_step` is known.
    """
    visit = run.current
    assert visit is not None  # noqa: S101 - it is in a step
    at = (now_ms, visit.step_id, visit.visit)
    step = graph.steps[visit.step_id]
    # A cancel and the run's timeout both override the edge that the step would have taken.
    is_stopping = (run.overdue or run.cancel_requested) and run.is_stopping
    occasion = Occasion.CANCEL if is_stopping else _OCCASION[kind]
    leads_on = run.cancel_requested or not run.overdue
    target = step.sure.get(occasion) if leads_on else None
    make: Callable[..., StepEnd] = kind
    end = make(*at, next_step=target, **more)
    apply(run, end)
    if target is None and leads_on:
        try:
            target = next_step(run, step, occasion)
        except NoWayOut as stuck:
            return (end, *_end(run, graph, _failed(run, stuck.kind, str(stuck)), now_ms))
        if target is not None:
            route(run, target)
            end = make(*at, next_step=target, **more)
    return (end, *advance(run, graph, now_ms))


def advance(run: Run, graph: Graph, now_ms: int) -> tuple[Event, ...]:
    """Continue a run that is between two steps; return the events."""
    if run.next_step is None or run.overdue:
        return _end(run, graph, _ending(run, graph), now_ms)
    if run.held is not None:
        return ()
    entered, limit = run.executions, graph.max_step_executions
    if run.cleaning_up or run.handler:
        entered, limit = entered - run.cleans_up_from, graph.max_clean_up_executions
    if entered >= limit:
        where = f" in `{run.handler}`" if run.handler else ""
        cleaning_up = " to clean up" if run.cleaning_up else where
        message = (
            f"the run has executed {entered} steps{cleaning_up}, which is the limit; "
            "end the loop earlier or raise maxStepExecutions"
        )
        return _end(run, graph, _failed(run, "TooManySteps", message), now_ms)
    step = graph.steps[run.next_step]
    visit = run.visits.get(step.id, 0) + 1
    started = StepStarted(now_ms, step.id, visit, 1, step.type, step.name)
    apply(run, started)
    return (started,)


def _end(run: Run, graph: Graph, ending: Ending, now_ms: int) -> tuple[Event, ...]:
    """End a run after its handlers: `onError` for a failure, and then `finally`.

    The result of `finally` matters only if it fails a run that would otherwise have completed.
    """
    handler = step_id = None
    if run.handler == FINALLY:
        assert run.ending is not None  # noqa: S101 - it came with the handler
        if run.ending.status != Status.COMPLETED or ending.status == Status.COMPLETED:
            ending = run.ending
    elif ending.error and graph.on_error and not (run.handler or run.cancel_requested):
        handler, step_id = ON_ERROR, graph.on_error
    elif graph.at_end:
        handler, step_id = FINALLY, graph.at_end
    if handler is None or step_id is None:
        return (happen(run, _last_event(ending, now_ms)),)
    entered = happen(run, HandlerEntered(now_ms, handler, step_id, ending))
    return (entered, *advance(run, graph, now_ms))


def _last_event(ending: Ending, now_ms: int) -> Event:
    if ending.status == Status.CANCELLED:
        return RunCancelled(now_ms, ending.error)
    if ending.error:
        return RunFailed(now_ms, ending.error)
    return RunCompleted(now_ms, ending.result)


def _ending(run: Run, graph: Graph) -> Ending:
    visit = run.past[-1] if run.past else None
    if run.overdue and not run.cancel_requested:
        seconds = (graph.timeout_ms or 0) / 1_000
        return _failed(run, "Timeout", f"the run took longer than its timeout of {seconds:g} s")
    if visit and visit.status is VisitStatus.FAILED and visit.error:
        return _as_failed(run, _error_of(visit, visit.error, graph.steps[visit.step_id]))
    if visit and visit.status is VisitStatus.TIMED_OUT:
        message = 'nobody answered before the deadline, and no `on: "timeout"` edge is true'
        return _failed(run, "DeadlinePassed", message)
    if run.cancel_requested or visit is None:
        return Ending(str(Status.CANCELLED))
    return Ending(str(Status.COMPLETED), visit.output)


def _failed(run: Run, kind: str, message: str) -> Ending:
    visit = run.past[-1] if run.past else None
    step_id, attempts = (visit.step_id, visit.attempt) if visit else (None, 0)
    return _as_failed(run, RunError(step_id, kind, message, attempts))


def _as_failed(run: Run, error: RunError) -> Ending:
    """Return the end after a failure; one that meets the clean-up of a cancel changes no status."""
    status = Status.CANCELLED if run.cancel_requested else Status.FAILED
    return Ending(str(status), error=error)


def _error_of(visit: Visit, why: StepError, step: Step) -> RunError:
    # A step that ends the run judges the run as a whole, which may come out otherwise next time.
    again = step.ends or not step.retry.rules_out(why)
    told = (why.type, why.message, visit.attempt, why.status, why.body)
    return RunError(visit.step_id, *told, retryable=again)
