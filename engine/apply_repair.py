"""How a repair changes a run; `engine/apply.py` calls it."""

from engine.refusal import inside, refuse
from engine.repair_events import (
    DataChanged,
    RepairEvent,
    RunHeld,
    RunReleased,
    StepGivenUp,
    StepSkipped,
    WaitEnded,
)
from engine.run import Run
from engine.values import Hold
from engine.visit import VisitStatus


def _keep_key(run: Run, event: RepairEvent | DataChanged | RunHeld | RunReleased) -> None:
    if event.key:
        run.answers[event.key] = event.fingerprint


def end_wait(run: Run, event: WaitEnded) -> None:
    """End the run's wait now."""
    inside(run, event)
    run.wake_at_ms = event.at_ms
    _keep_key(run, event)


def take_from_wait(run: Run, event: StepGivenUp | StepSkipped) -> None:
    """Take the step out of its wait, ready for the event that follows."""
    visit = inside(run, event)
    visit.status, visit.retry_at_ms = VisitStatus.RUNNING, None
    run.pause = run.wake_at_ms = run.answer_by_ms = None
    _keep_key(run, event)


def change_data(run: Run, event: DataChanged) -> None:
    """Change the data that steps see from now on."""
    removed = frozenset(map(str, event.removed))
    kept = {name: item for name, item in run.data.items() if name not in removed}
    run.data = {**kept, **event.data}
    _keep_key(run, event)


def hold(run: Run, event: RunHeld) -> None:
    """Hold the run at its current position, or at the next one where it can rest."""
    if run.held is not None:
        raise refuse(run, event, "it is held already")
    run.held = Hold(event.at_ms, event.reason, event.caller)
    _keep_key(run, event)


def release(run: Run, event: RunReleased) -> None:
    """Let the run continue."""
    if run.held is None:
        raise refuse(run, event, "it is not held")
    run.held = None
    _keep_key(run, event)
