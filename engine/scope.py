"""What expressions may name: a run, seen from a definition."""

from collections.abc import Mapping

from engine.iso import iso_time
from engine.run import Run
from engine.values import Json


def scope(run: Run) -> Mapping[str, Json]:
    """Return the names in scope for conditions and templates.

    `data`, `steps["id"].output`, `context` and `run` always; `error` after an
    `on: "error"` edge was taken, until the step that had failed has succeeded.
    """
    names: dict[str, Json] = {
        "data": run.data,
        "steps": {step_id: {"output": output} for step_id, output in run.outputs.items()},
        "context": run.context,
        "run": {
            "id": run.id,
            "workflowId": run.workflow_id,
            "version": run.version,
            "startedAt": iso_time(run.started_at_ms),
        },
    }
    if run.last_error:
        names["error"] = {"type": run.last_error.type, "message": run.last_error.message}
    return names
