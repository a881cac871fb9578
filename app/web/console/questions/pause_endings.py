"""How a pause ended: who answered what, or what else ended it."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.web.console.page import Page
from app.web.console.questions.pause_ids import numbers_of
from app.web.console.rendering import fragment, words
from app.web.endpoint import Call
from app.wire.parsing.errors import NotFoundHere
from engine import (
    CancelRequested,
    ChildrenResumed,
    Event,
    Json,
    Pause,
    PauseChanged,
    RunPaused,
    RunResumed,
    RunTerminated,
    StepTimedOut,
)
from engine.value import value
from journal import run_id


@value(frozen=True, slots=True)
class PauseEnding:
    """How a pause ended.

    Attributes:
        what: The label of the action that was chosen, or in words how the pause ended.
        by: Who answered, None where nobody did.
        values: The fields that were filled in.
        attachments: The files that came with the answer.
    """

    what: str
    at_ms: int
    by: str | None = None
    comment: str = ""
    values: Json = None
    attachments: Json = None


def pause_ending(events: Sequence[Event], seq: int) -> PauseEnding | None:
    """Return how the pause that began with event `seq` ended; None while it is open.

    Raises `LookupError` where no pause began with that event.
    """
    if not 0 < seq <= len(events) or not isinstance(events[seq - 1], RunPaused):
        raise LookupError(seq)
    paused = events[seq - 1]
    after = next((event for event in events[seq:] if not isinstance(event, PauseChanged)), None)
    if after is None:
        return None
    assert isinstance(paused, RunPaused)  # noqa: S101 - looked at above
    match after:
        case RunResumed():
            return _answered(paused.pause, after)
        case ChildrenResumed():
            return PauseEnding("Answered in the child run", after.at_ms)
        case StepTimedOut():
            return PauseEnding("Nobody answered in time", after.at_ms)
        case CancelRequested():
            return PauseEnding("The run was cancelled", after.at_ms, after.caller or None)
        case RunTerminated():
            return PauseEnding("The run was terminated", after.at_ms, after.caller or None)
        case _:
            return PauseEnding("This is not asked any more", after.at_ms)


def _answered(pause: Pause, resumed: RunResumed) -> PauseEnding:
    answer: dict[str, Any] = resumed.answer if isinstance(resumed.answer, dict) else {}
    beside: dict[str, Any] = {
        "by": resumed.caller or None,
        "comment": str(answer.get("comment") or ""),
        "values": answer.get("data"),
        "attachments": answer.get("attachments"),
    }
    if "actionValue" not in answer:
        return PauseEnding("Answered", resumed.at_ms, **beside)
    value = str(answer["actionValue"])
    actions = pause.body.get("actions")
    labels = {
        str(action.get("value")): str(action.get("label") or words(str(action.get("value"))))
        for action in (actions if isinstance(actions, list) else [])
        if isinstance(action, dict)
    }
    return PauseEnding(labels.get(value, value), resumed.at_ms, **beside)


async def pause_page(call: Call) -> Response:
    """Show whether a pause is open, or how it ended, as a piece of a page."""
    pause_id = call.path("pauseId")
    number, seq = numbers_of(pause_id)
    _, events = await call.services.journal.events.read(run_id(number), call.tenant)
    try:
        ended = pause_ending(events, seq)
    except LookupError:
        raise NotFoundHere(f"there is no pause {pause_id}") from None
    shown = fragment("pause_ending.html", ending=ended) if ended else ""
    return JSONResponse({"open": ended is None, "shown": shown})


PAGES = (Page("GET", "/pauses/{pauseId}", Role.VIEWER, pause_page, "How a pause ended"),)
