"""The checks that come before every change of a run."""

from engine.errors import IllegalTransition
from engine.events import Event, StepStarted, VisitEvent
from engine.repair_events import RepairEvent
from engine.run import Run
from engine.visit import Visit


def refuse(run: Run, event: Event, why: str) -> IllegalTransition:
    """Return the error that says that an event does not fit the run, and why."""
    return IllegalTransition(run.state, type(event).__name__, why)


def inside(run: Run, event: VisitEvent | StepStarted | RepairEvent) -> Visit:
    """Return the run's current visit. Raises `IllegalTransition` if the event names another."""
    visit = run.current
    assert visit is not None  # noqa: S101 - TRANSITIONS allow this only inside a step
    if event.step_id != visit.step_id or event.visit != visit.visit:
        raise refuse(run, event, f"the run is in step {visit.step_id}, visit {visit.visit}")
    return visit
