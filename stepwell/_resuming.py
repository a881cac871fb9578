"""Answering a pause, exactly the one that was seen where the server names its pauses."""

from uuid import uuid4

import stepwell._calls as calls
from stepwell._calls import AnswerIds
from stepwell._documents import JsonObject, PauseSignal, RunStatus
from stepwell._errors import NotPaused
from stepwell._flow import Flow, ask
from stepwell._reading import run_status


def resume_inputs(
    run_id: str, data: JsonObject, ids: AnswerIds, retry_for_s: float
) -> Flow[RunStatus]:
    """Answer a pause that asks for inputs. Raises `ApiError`, `Unanswered`.

    The answer goes to the pause that is seen here, or to the one that `ids` names.
    """
    signal = None if ids.pause_id else (yield from _signal(run_id, retry_for_s))
    call = calls.resume_inputs(run_id, signal, data, _complete(ids, signal))
    return run_status((yield from ask(call, retry_for_s)))


def resume_action(
    run_id: str, value: str, comment: str | None, ids: AnswerIds, retry_for_s: float
) -> Flow[RunStatus]:
    """Answer the pause that asks for an action now. Raises `NotPaused`, `ApiError`, `Unanswered`.

    The answer goes to the pause that is seen here, or to the one that `ids` names.
    """
    signal = yield from _signal(run_id, retry_for_s)
    if signal is None or signal.action_id is None:
        raise NotPaused(f"run {run_id} waits for no action")
    call = calls.resume_action(run_id, signal, value, comment, _complete(ids, signal))
    return run_status((yield from ask(call, retry_for_s)))


def _signal(run_id: str, retry_for_s: float) -> Flow[PauseSignal | None]:
    return run_status((yield from ask(calls.status(run_id), retry_for_s))).pause


def _complete(ids: AnswerIds, signal: PauseSignal | None) -> AnswerIds:
    """Name the pause that was seen, and make a key: a server that names its pauses takes one."""
    pause_id = ids.pause_id or (signal.pause_id if signal else None)
    made = str(uuid4()) if pause_id else None
    return AnswerIds(pause_id, ids.idempotency_key or made)
