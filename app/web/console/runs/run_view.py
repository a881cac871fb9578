"""A run as its page shows it: with all optional fields of the status, and the possible repairs."""

from typing import Any

from engine import SIGNAL_PAUSE, JsonObject, Run, State

_OPTIONAL: JsonObject = dict.fromkeys(
    ("historyCursor", "body", "handler", "deadline", "hold", "startedBy", "queuedSince")
)
"""Fields of the status that are present only if they have a value."""

_AT_REST = (State.QUEUED, State.BACKING_OFF, State.SLEEPING, State.PAUSED)
_WAITING = (State.BACKING_OFF, State.SLEEPING)


def run_view(status: JsonObject) -> JsonObject:
    """Return the status with every field that the page uses."""
    error = status["error"]
    failure = {"status": None, **error} if isinstance(error, dict) else None
    origin = status["origin"]
    from_run = {"version": None, "reason": None, **origin} if isinstance(origin, dict) else None
    return {**_OPTIONAL, **status, "error": failure, "origin": from_run}


def repairs_of(run: Run) -> dict[str, Any]:
    """Return the repairs that a run under way allows, as the page needs them.

    `skippable` is the step whose output can be given by hand.
    """
    is_at_rest = run.state in _AT_REST or (run.state is State.READY and run.held is not None)
    return {
        "is_at_rest": is_at_rest and not run.waits_for_children,
        "can_try": run.state in _WAITING and run.held is None,
        "can_give_up": run.state in _WAITING,
        "skippable": _skippable(run),
    }


def _skippable(run: Run) -> "JsonObject | None":
    visit, pause = run.current, run.pause
    waits = run.state in _WAITING
    if pause is not None and pause.run_id is None:
        waits = pause.interruption or pause.type == SIGNAL_PAUSE
    if visit is None or not waits:
        return None
    return {"step_id": visit.step_id, "visit": visit.visit}
