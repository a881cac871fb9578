"""What expressions may name: a run, seen from a definition."""

from collections.abc import Iterator, Mapping
from itertools import chain

from engine.iso import iso_time
from engine.run import Run
from engine.values import CarriedVisit, Json, StepError
from engine.visit import Visit, VisitStatus


def scope(run: Run) -> Mapping[str, Json]:
    """Return the names in scope for conditions and templates.

    `data`, `steps["id"].output`, `context`, `vars` and `run` always; `error` after an
    `on: "error"` edge was taken, until the step that had failed has succeeded. `now`, which
    only `now()` reads, is when the attempt began, or after a step when that ended: what a
    replay finds too.
    """
    names: dict[str, Json] = {
        "data": run.data,
        "steps": {step_id: {"output": output} for step_id, output in run.outputs.items()},
        "context": run.context,
        "vars": run.vars,
        "run": {
            "id": run.id,
            "workflowId": run.workflow_id,
            "version": run.version,
            "startedAt": iso_time(run.started_at_ms),
        },
        "now": _now_ms(run),
    }
    if run.last_error:
        names["error"] = _error(run, run.last_error)
    return names


def _now_ms(run: Run) -> int:
    visit = run.current
    if visit is None:
        return run.updated_at_ms
    return visit.started_at_ms if visit.attempted_at_ms is None else visit.attempted_at_ms


def _error(run: Run, error: StepError) -> Json:
    """Show an error with the step that failed, and the child run whose it is."""
    shown: dict[str, Json] = {"type": error.type, "message": error.message}
    visits: Iterator[Visit | CarriedVisit] = chain(reversed(run.past), reversed(run.carried))
    ended = (visit for visit in visits if visit.status == VisitStatus.FAILED)
    if failed := next((visit for visit in ended if visit.error == error), None):
        shown |= {
            "stepId": failed.step_id,
            "stepName": failed.step_name or failed.step_id,
            "attempts": failed.attempt,
        }
    if error.child_run_id is not None:
        shown |= {"childRunId": error.child_run_id, "childStepId": error.child_step_id}
    return shown
