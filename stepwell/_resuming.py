"""Answering a pause, exactly the one that was seen where the server names its pauses."""

from uuid import uuid4

import stepwell._calls as calls
from stepwell._calls import AnswerIds
from stepwell._documents import JsonObject, RunStatus
from stepwell._errors import NotPaused
from stepwell._flow import Flow, ask
from stepwell._reading import run_status


def resume_inputs(
    run_id: str, data: JsonObject, ids: AnswerIds, retry_for_s: float
) -> Flow[RunStatus]:
    """Answer a pause that asks for inputs. Raises `ApiError`, `Unanswered`."""
    found = yield from ask(calls.resume_inputs(run_id, data, _with_key(ids)), retry_for_s)
    return run_status(found)


def resume_action(
    run_id: str, value: str, comment: str | None, ids: AnswerIds, retry_for_s: float
) -> Flow[RunStatus]:
    """Answer the pause that asks for an action now. Raises `NotPaused`, `ApiError`, `Unanswered`.

    The answer goes to the pause that is seen here, or to the one that `ids` names.
    """
    signal = run_status((yield from ask(calls.status(run_id), retry_for_s))).pause
    if signal is None or signal.action_id is None:
        raise NotPaused(f"run {run_id} waits for no action")
    ids = _with_key(AnswerIds(ids.pause_id or signal.pause_id, ids.idempotency_key))
    call = calls.resume_action(run_id, signal, value, comment, ids)
    return run_status((yield from ask(call, retry_for_s)))


def _with_key(ids: AnswerIds) -> AnswerIds:
    """Make a key where there is none: a server that names its pauses takes one."""
    if ids.idempotency_key is not None or ids.pause_id is None:
        return ids
    return AnswerIds(ids.pause_id, str(uuid4()))
