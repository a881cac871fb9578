"""Answers a pause, and exactly the one that was seen if the server names its pauses."""

from dataclasses import replace
from uuid import uuid4

import stepwell._calls as calls
from stepwell._calls import AnswerDetails
from stepwell._documents import JsonObject, PauseSignal, RunStatus
from stepwell._errors import NotPaused
from stepwell._flow import Flow, Sleep, ask
from stepwell._reading import run_status

_POLLS_S = (0.1, 0.2, 0.4, 0.8, 1.6, 1.9)
"""How long to wait between looks at a run that has not reached its pause: five seconds in all."""


def resume_inputs(
    run_id: str, data: JsonObject, details: AnswerDetails, retry_for_s: float
) -> Flow[RunStatus]:
    """Answer a pause that asks for inputs. Raises `ApiError`, `Unanswered`.

    The answer goes to the pause that is open now, or to the one that `details` names.
    """
    signal = None if details.pause_id else (yield from _signal(run_id, retry_for_s))
    call = calls.resume_inputs(run_id, signal, data, _complete(details, signal))
    return run_status((yield from ask(call, retry_for_s)))


def resume_action(
    run_id: str, value: str, data: JsonObject | None, details: AnswerDetails, retry_for_s: float
) -> Flow[RunStatus]:
    """Answer the pause that asks for an action now. Raises `NotPaused`, `ApiError`, `Unanswered`.

    The answer goes to the pause that is open now, or to the one that `details` names.
    """
    signal = yield from _signal(run_id, retry_for_s)
    if signal is None or signal.action_id is None:
        raise NotPaused(f"run {run_id} waits for no action")
    call = calls.resume_action(run_id, signal, value, data, _complete(details, signal))
    return run_status((yield from ask(call, retry_for_s)))


def _signal(run_id: str, retry_for_s: float) -> Flow[PauseSignal | None]:
    """Return the open pause, None without one; a run under way gets some time to reach it."""
    for pause_s in (*_POLLS_S, None):
        status = run_status((yield from ask(calls.status(run_id), retry_for_s)))
        if status.status != "running" or pause_s is None:
            break
        yield Sleep(pause_s)
    return status.pause


def _complete(details: AnswerDetails, signal: PauseSignal | None) -> AnswerDetails:
    """Add the id of the pause that was seen, and a key, which servers that name pauses accept."""
    pause_id = details.pause_id or (signal.pause_id if signal else None)
    made = str(uuid4()) if pause_id else None
    return replace(details, pause_id=pause_id, idempotency_key=details.idempotency_key or made)
