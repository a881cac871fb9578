"""How each event changes a run. Nothing else changes one.

Rule 1: a run changes only here, in place, one event at a time; a refused event changes nothing.
`engine/straight.py` makes the two changes of the most common move at once, with the same result.
Rule 2: `engine/transitions.py` alone defines which events are legal in which state. An event
without a row for the state is an error and is never skipped.
Rule 3: everything in a run is computed from its events alone, so folding a history at once or in
pieces gives the same run.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from engine.apply_pause import change_pause, keep_answer
from engine.apply_repair import change_data, end_wait, hold, release, take_from_wait
from engine.data_after import data_after
from engine.errors import IllegalTransition
from engine.events import (
    AttemptFailed,
    AttemptInterrupted,
    CancelRequested,
    ChildrenAwaited,
    ChildrenLeft,
    ChildrenResumed,
    Event,
    HandlerEntered,
    ParentWentOn,
    RunAdmitted,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunOverdue,
    RunQueued,
    RunStarted,
    RunTerminated,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepRecorded,
    StepSlept,
    StepStarted,
    StepTimedOut,
)
from engine.pause_events import PauseChanged, RunPaused, RunResumed
from engine.refusal import inside, refuse
from engine.repair_events import (
    DataChanged,
    RunHeld,
    RunReleased,
    StepGivenUp,
    StepSkipped,
    WaitEnded,
)
from engine.run import Run
from engine.transitions import TRANSITIONS, State
from engine.values import FINALLY, Record, StepError
from engine.visit import Visit, VisitStatus

E = TypeVar("E", bound=Event)
_COMPLETED = VisitStatus.COMPLETED  # as in `decide`


def apply(run: Run | None, event: Event) -> Run:
    """Change `run` by `event` and return it; None stands for a run that does not exist yet.

    Raises:
        IllegalTransition: The event has no row for the run's state, or names another step.
    """
    if run is None:
        if (State.NEW, type(event)) not in TRANSITIONS:
            raise IllegalTransition(State.NEW, type(event).__name__)
        assert isinstance(event, RunStarted)  # noqa: S101 - the only row of NEW
        return _started(event)
    move = _MOVES.get((run.state, type(event)))
    if move is None:
        raise IllegalTransition(run.state, type(event).__name__)
    target, change = move
    change(run, event)
    run.state = target
    run.seq += 1
    run.updated_at_ms = event.at_ms
    return run


def happen(run: Run, event: E) -> E:
    """Change `run` by `event` and return the event. Raises the same errors as `apply`."""
    apply(run, event)
    return event


def fold(events: Iterable[Event], run: Run | None = None) -> Run:
    """Return the run that a whole history describes, or change `run` by the rest of it.

    Raises:
        IllegalTransition: The history is empty or not one that the table allows.
    """
    for event in events:
        run = apply(run, event)
    if run is None:
        raise IllegalTransition(State.NEW, "nothing", "a history begins with RunStarted")
    return run


def _started(event: RunStarted) -> Run:
    return Run(
        id=event.run_id,
        workflow_id=event.workflow_id,
        version=event.version,
        state=State.READY,
        seq=1,
        data=event.whole_data,
        context=event.context,
        caller=event.caller,
        started_at_ms=event.at_ms,
        updated_at_ms=event.at_ms,
        next_step=event.first_step,
        parent=event.parent,
        origin=event.origin,
        outputs=dict(event.outputs),
        last_error=event.caught,
        failed_in=event.caught_in,
        carried=event.carried,
        visits=dict(event.visits),
        vars=event.vars,
        body=event.body,
        deadline_ms=event.deadline_ms,
        handler=event.handler,
        ending=event.ending,
        starter=event.starter,
    )


def _queue(run: Run, event: RunQueued) -> None:
    if run.past or run.place:
        raise refuse(run, event, "the run has begun")
    run.place = event.place


def _admit(run: Run, event: RunAdmitted) -> None:
    run.deadline_ms = event.deadline_ms


def _try_again(run: Run, event: StepStarted) -> None:
    visit = inside(run, event)
    if event.attempt != visit.attempt + 1:
        raise refuse(run, event, f"expected attempt {visit.attempt + 1}")
    visit.attempt, visit.attempted_at_ms = event.attempt, event.at_ms
    visit.retry_at_ms, visit.interruptions = None, 0
    run.wake_at_ms = None


def _enter(run: Run, event: StepStarted) -> None:
    step_id = event.step_id
    visit = run.visits.get(step_id, 0) + 1
    if step_id != run.next_step or event.visit != visit or event.attempt != 1:
        expected = (run.next_step, visit, 1)
        raise refuse(run, event, f"expected step, visit, attempt {expected}")
    run.current = Visit.entered(step_id, visit, event.step_type, event.step_name, event.at_ms)
    run.next_step = None
    run.visits[step_id] = visit
    run.executions += 1


def _back_off(run: Run, event: AttemptFailed) -> None:
    visit = inside(run, event)
    visit.error, visit.retry_at_ms = event.error, event.retry_at_ms
    if event.policy:
        visit.retried_by = (*visit.retried_by, event.policy)
    run.wake_at_ms = event.retry_at_ms


def _record(run: Run, event: StepRecorded) -> None:
    visit = inside(run, event)
    visit.records[event.name] = Record(event.at_ms, event.value)
    visit.interruptions = 0
    run.wake_at_ms = None


def _interrupt(run: Run, event: AttemptInterrupted) -> None:
    inside(run, event).interruptions += not event.in_order


def _await_children(run: Run, event: ChildrenAwaited) -> None:
    visit = inside(run, event)
    visit.children, visit.interruptions = event.total, 0
    run.wake_at_ms = event.deadline_ms


def _leave_children(run: Run, event: ChildrenLeft) -> None:
    visit = inside(run, event)
    visit.error = event.error or visit.error
    run.wake_at_ms = event.until_ms


def _sleep(run: Run, event: StepSlept) -> None:
    inside(run, event)
    run.wake_at_ms = event.until_ms


def _pause(run: Run, event: RunPaused) -> None:
    inside(run, event).status = VisitStatus.PAUSED
    run.pause, run.pause_seq, run.pause_changes = event.pause, run.seq + 1, {}
    run.answer_by_ms = event.deadline_ms
    run.wake_at_ms = event.deadline_ms if event.wake_at_ms is None else event.wake_at_ms


def _resume(run: Run, event: RunResumed) -> None:
    _continue(run, event)
    keep_answer(run, event)
    run.wake_at_ms = None


def _continue(run: Run, event: RunResumed | ChildrenResumed) -> None:
    inside(run, event).status = VisitStatus.RUNNING
    run.pause = None
    run.answer_by_ms = None
    if event.key:
        run.answers[event.key] = event.fingerprint


def _complete_step(run: Run, event: StepCompleted) -> None:
    visit = inside(run, event)
    _end_visit(run, visit, event.at_ms, _COMPLETED)
    visit.output, visit.error = event.output, None
    if event.step_id == run.failed_in:
        run.last_error = run.failed_in = None
    run.next_step = event.next_step
    if event.appended or event.removed:
        run.data = data_after(run.data, event)
    elif event.data:
        run.data = {**run.data, **event.data}
    run.outputs[event.step_id] = event.output


def _fail_step(run: Run, event: StepFailed) -> None:
    _leave(run, event, VisitStatus.FAILED).error = event.error
    run.next_step = event.next_step
    run.last_error, run.failed_in = event.error, event.step_id


def _time_out_step(run: Run, event: StepTimedOut) -> None:
    _leave(run, event, VisitStatus.TIMED_OUT)
    if event.output:
        run.outputs[event.step_id] = event.output
    run.next_step = event.next_step


def _cancel_step(run: Run, event: StepCancelled) -> None:
    if not (run.overdue or run.cancel_requested):
        raise refuse(run, event, "no cancel was requested")
    _leave(run, event, VisitStatus.CANCELLED)
    run.next_step = event.next_step


def _leave(
    run: Run, event: StepFailed | StepTimedOut | StepCancelled, status: VisitStatus
) -> Visit:
    return _end_visit(run, inside(run, event), event.at_ms, status)


def _end_visit(run: Run, visit: Visit, at_ms: int, status: VisitStatus) -> Visit:
    visit.status, visit.ended_at_ms, visit.retry_at_ms = status, at_ms, None
    run.past.append(visit)
    run.current = run.pause = run.wake_at_ms = run.answer_by_ms = None
    if run.cancel_requested and not run.cleaning_up:
        run.cleaning_up, run.cleans_up_from, run.overdue = True, run.executions, False
    return visit


def route(run: Run, target: str | None) -> None:
    """Set the target of the edge that the step applied last takes out of its end.

    Use it only after an end that was applied without its `next_step`, because the edge is chosen in
    the scope that the step leaves behind. The event that is stored does have `next_step`.
    """
    run.next_step = target


def _request_cancel(run: Run, event: CancelRequested) -> None:
    if run.cancel_requested:
        raise refuse(run, event, "a cancel is being carried out")
    if run.handler == FINALLY:
        raise refuse(run, event, "its end is decided")
    run.cancel_requested, run.reason, run.deadline_ms, run.held = True, event.reason, None, None


def _detach(run: Run, event: ParentWentOn) -> None:
    if run.parent is None or run.is_detached:
        raise refuse(run, event, "no run waits for it")
    run.is_detached = True


def _be_overdue(run: Run, event: RunOverdue) -> None:
    if run.deadline_ms is None:
        raise refuse(run, event, "it has no deadline")
    run.overdue, run.deadline_ms, run.held = True, None, None


def _enter_handler(run: Run, event: HandlerEntered) -> None:
    if run.handler in (event.handler, FINALLY):
        raise refuse(run, event, f"the run has entered {run.handler}")
    run.handler, run.next_step = event.handler, event.next_step
    run.cleans_up_from, run.overdue, run.deadline_ms = run.executions, False, None
    if event.handler == FINALLY:
        run.ending = event.ending
    error, last = event.ending.error, run.last_error
    if error and (last is None or (error.type, error.message) != (last.type, last.message)):
        run.last_error = StepError(error.type, error.message, status=error.status, body=error.body)
        run.failed_in = error.step_id


def _must_be_at_the_end(run: Run, event: RunCompleted | RunCancelled) -> None:
    if run.next_step and run.state is not State.QUEUED:
        raise refuse(run, event, f"the run continues with step {run.next_step}")


def _complete(run: Run, event: RunCompleted) -> None:
    _must_be_at_the_end(run, event)
    run.ended_at_ms, run.result = event.at_ms, event.result
    run.deadline_ms = run.held = None


def _fail(run: Run, event: RunFailed) -> None:
    run.ended_at_ms, run.error, run.overdue = event.at_ms, event.error, False
    run.next_step = run.deadline_ms = run.held = None


def _cancel(run: Run, event: RunCancelled) -> None:
    if not (run.cancel_requested or run.ending):
        raise refuse(run, event, "no cancel was requested")
    if not (run.overdue or event.error):  # it enters no next step
        _must_be_at_the_end(run, event)
    run.ended_at_ms, run.error, run.overdue, run.next_step = event.at_ms, event.error, False, None


def _terminate(run: Run, event: RunTerminated) -> None:
    if run.current:
        _end_visit(run, run.current, event.at_ms, VisitStatus.TERMINATED)
    run.next_step = run.deadline_ms = run.held = None
    run.ended_at_ms, run.reason, run.overdue = event.at_ms, event.reason, False


_CHANGES: Mapping[type[Event], Callable[[Run, Any], None]] = {
    RunQueued: _queue,
    RunAdmitted: _admit,
    StepStarted: _try_again,
    AttemptFailed: _back_off,
    AttemptInterrupted: _interrupt,
    StepRecorded: _record,
    ChildrenAwaited: _await_children,
    ChildrenResumed: _continue,
    ChildrenLeft: _leave_children,
    StepSlept: _sleep,
    RunPaused: _pause,
    PauseChanged: change_pause,
    RunResumed: _resume,
    StepCompleted: _complete_step,
    StepFailed: _fail_step,
    StepTimedOut: _time_out_step,
    StepCancelled: _cancel_step,
    ParentWentOn: _detach,
    CancelRequested: _request_cancel,
    RunOverdue: _be_overdue,
    HandlerEntered: _enter_handler,
    RunCompleted: _complete,
    RunFailed: _fail,
    RunCancelled: _cancel,
    RunTerminated: _terminate,
    WaitEnded: end_wait,
    StepGivenUp: take_from_wait,
    StepSkipped: take_from_wait,
    DataChanged: change_data,
    RunHeld: hold,
    RunReleased: release,
}

_MOVES: Mapping[tuple[State, type[Event]], tuple[State, Callable[[Run, Any], None]]] = {
    **{
        move: (target, _CHANGES[move[1]])
        for move, target in TRANSITIONS.items()
        if move[0] is not State.NEW
    },
    (State.READY, StepStarted): (State.EXECUTING, _enter),
}
"""The target state of each legal move, and the function that changes the run."""
