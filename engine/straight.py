"""The move that most appends make: a step has delivered, and its only next step begins.

`end_of_step` and `apply` say the same in general, in ten calls instead of one. Whatever is not
ordinary is left to them: a cancel, a timeout, a hold, a handler, a condition, the end, the limit of
steps, and lists that the step has changed.
"""

from engine.events import StepCompleted, StepStarted
from engine.graph import Graph, Occasion
from engine.inputs import Delivered
from engine.run import Run
from engine.visit import Visit, VisitStatus

_SUCCESS = Occasion.SUCCESS  # as in `decide`
_COMPLETED = VisitStatus.COMPLETED


def goes_straight_on(
    run: Run, graph: Graph, happened: Delivered, now_ms: int
) -> tuple[StepCompleted, StepStarted] | None:
    """Carry an executing run from its step into the next; return the events.

    Return None, and change nothing, if more has to be looked at.
    """
    visit = run.current
    assert visit is not None  # noqa: S101 - it is in a step
    step_id = visit.step_id
    target = graph.steps[step_id].sure.get(_SUCCESS)
    if (
        target is None
        or run.cancel_requested
        or run.overdue
        or run.held is not None
        or run.handler
        or run.executions >= graph.max_step_executions
        or happened.appended
        or happened.removed
    ):
        return None
    following = graph.steps[target]
    entered = run.visits.get(target, 0) + 1
    output, data = happened.output, happened.data
    completed = StepCompleted(now_ms, step_id, visit.visit, output, data, target)
    started = StepStarted(now_ms, target, entered, 1, following.type, following.name)
    visit.status, visit.ended_at_ms, visit.retry_at_ms = _COMPLETED, now_ms, None
    visit.output, visit.error = output, None
    run.past.append(visit)
    run.outputs[step_id] = output
    if data:
        run.data = {**run.data, **data}
    if step_id == run.failed_in:
        run.last_error = run.failed_in = None
    run.pause = run.wake_at_ms = run.answer_by_ms = run.next_step = None
    run.current = Visit.entered(target, entered, following.type, following.name, now_ms)
    run.visits[target] = entered
    run.executions += 1
    run.seq += 2
    run.updated_at_ms = now_ms
    return completed, started
