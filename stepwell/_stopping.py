"""Cancels and terminates runs; both may be asked for twice."""

import stepwell._calls as calls
from stepwell._errors import ApiError
from stepwell._flow import Flow, ask
from stepwell._reading import status_name

_CONFLICT = 409
_ENDS_AS = {"cancel": "cancelled", "terminate": "terminated"}


def stop(verb: str, run_id: str, reason: str | None, retry_for_s: float) -> Flow[None]:
    """Stop a run.

    If the run has already ended in this way, that is not an error: the answer to an earlier attempt
    may have been lost. Raises `ApiError` if it has ended in another way.
    """
    try:
        yield from ask(calls.control(verb, run_id, reason), retry_for_s)
    except ApiError as refused:
        if refused.status != _CONFLICT:
            raise
        found = yield from ask(calls.status(run_id), retry_for_s)
        if status_name(found) != _ENDS_AS[verb]:
            raise
