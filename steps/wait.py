"""wait: a durable timer."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from pydantic import Field

from engine import JsonObject, Sleeps
from steps.contract.step_type import Outcome, Problem, StepBroke, StepInput, StepSettings, StepType
from steps.effects.effects import Effects
from steps.language.durations import LATEST_MS, Duration
from steps.language.template import Template

_SECONDS = (10**8, 10**11)
"""Numbers that as milliseconds are in the early 1970s, and as seconds are plausible times."""


class WaitSettings(StepSettings):
    """How long to wait: exactly one of these."""

    duration: Duration | None = Field(
        None, description="how long to wait, from the start of the step"
    )
    until: Template | None = Field(
        None, description="a template that gives an ISO date with a zone, or Unix milliseconds"
    )


class Wait(StepType[WaitSettings]):
    """Waits for a duration or until a time; nothing is kept in memory meanwhile.

    The timer survives restarts, and fires late rather than never. Give either `duration` or
    `until`.
    """

    type = "wait"
    settings = WaitSettings
    built_in = True
    own_errors = False
    unused = {
        "output": "it delivers nothing; use call-tool with `transform` to set values",
        "timeout": "it waits as long as `duration` or `until` says",
        "retry": "a wait is not tried again",
        "onInterrupted": "it touches nothing, so it always continues after a restart",
    }
    errors = {"InvalidMoment": "`until` does not give a time"}
    example = {"id": "cool-off", "type": "wait", "duration": "14d"}
    acts = False

    def check(self, settings: WaitSettings, output: Mapping[str, JsonObject]) -> Iterator[Problem]:
        """Refuse `duration` and `until` together, and neither of them."""
        if (settings.duration is None) == (settings.until is None):
            yield Problem("duration", "give either duration or until")

    async def execute(self, settings: WaitSettings, step: StepInput, effects: Effects) -> Outcome:
        """Sleep until the time in the settings."""
        if settings.until is None:
            return Sleeps(effects.now_ms() + (settings.duration or 0))
        return Sleeps(moment_ms(await settings.until.rendered(step.scope)))


def moment_ms(value: object) -> int:
    """Return a time in Unix milliseconds, of that or of an ISO date with a zone.

    Raises `StepBroke`.
    """
    at_ms = None
    if isinstance(value, int) and not isinstance(value, bool):
        at_ms = value
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            at_ms = round(moment.timestamp() * 1_000) if moment.tzinfo else None
        except (ValueError, OverflowError):
            at_ms = None
    if at_ms is None or not 0 <= at_ms < LATEST_MS:
        raise _no_moment(f"not {value!r:.80}")
    if isinstance(value, int) and _SECONDS[0] <= value < _SECONDS[1]:
        raise _no_moment(f"and {value} looks like seconds; multiply it by 1000")
    return at_ms


def _no_moment(what: str) -> StepBroke:
    message = f"until must give an ISO date with a zone or Unix milliseconds, {what}"
    return StepBroke("InvalidMoment", message, retryable=False)
