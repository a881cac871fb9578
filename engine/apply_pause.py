"""How answers and changes to an open pause change a run; `engine/apply.py` calls it."""

from dataclasses import replace

from engine.pause_events import PauseChanged, RunResumed
from engine.refusal import inside, refuse
from engine.run import Run
from engine.visit import VisitAnswer


def change_pause(run: Run, event: PauseChanged) -> None:
    """Change the pause as the event says. Raises `IllegalTransition`."""
    inside(run, event)
    if run.pause is None or run.pause.run_id is not None:
        raise refuse(run, event, "the run itself asks nothing")
    run.pause = replace(run.pause, body={**run.pause.body, **event.body})
    run.pause_changes, run.wake_at_ms = event.body, event.wake_at_ms
    if event.what == "overdue":
        run.answer_by_ms = None
    if event.what == "answered":
        keep_answer(run, event)
    if event.key:
        run.answers[event.key] = event.fingerprint


def keep_answer(run: Run, event: PauseChanged | RunResumed) -> None:
    """Add an answer to those of the visit."""
    visit = inside(run, event)
    visit.answers = (*visit.answers, VisitAnswer(event.at_ms, event.caller, event.answer))
