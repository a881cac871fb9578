"""How a change to an open pause changes a run; `engine/apply.py` calls it."""

from dataclasses import replace

from engine.pause_events import PauseChanged
from engine.refusal import inside, refuse
from engine.run import Run


def change_pause(run: Run, event: PauseChanged) -> None:
    """Change the pause as the event says. Raises `IllegalTransition`."""
    inside(run, event)
    if run.pause is None or run.pause.run_id is not None:
        raise refuse(run, event, "the run itself asks nothing")
    run.pause = replace(run.pause, body={**run.pause.body, **event.body})
    run.pause_changes, run.wake_at_ms = event.body, event.wake_at_ms
    if event.what == "overdue":
        run.answer_by_ms = None
    if event.key:
        run.answers[event.key] = event.fingerprint
