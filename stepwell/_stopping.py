"""Cancelling and terminating, which may be asked for twice."""

import stepwell._calls as calls
from stepwell._errors import ApiError
from stepwell._flow import Flow, ask
from stepwell._reading import status_name

_CONFLICT = 409
_ENDS_AS = {"cancel": "cancelled", "terminate": "terminated"}


def stop(verb: str, run_id: str, reason: str | None, retry_for_s: float) -> Flow[None]:
    """Stop a run.

    That the run has ended in this way already is no failure: the answer to an attempt before
    may have been lost. Raises `ApiError` when it has ended otherwise.
    """
    try:
        yield from ask(calls.control(verb, run_id, reason), retry_for_s)
    except ApiError as refused:
        if refused.status != _CONFLICT:
            raise
        found = yield from ask(calls.status(run_id), retry_for_s)
        if status_name(found) != _ENDS_AS[verb]:
            raise
