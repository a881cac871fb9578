"""wait: a durable timer."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from engine import JsonObject
from steps.contract import (
    Effects,
    NeedsTime,
    Outcome,
    Problem,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
)
from steps.durations import Duration
from steps.template import Template

_LATEST_MS = 253_402_300_800_000  # the year 10000


class WaitSettings(StepSettings):
    """How long to wait: exactly one of these."""

    duration: Duration | None = None
    until: Template | None = None


class Wait(StepType[WaitSettings]):
    """Completes by itself when the time has come; nothing is in memory meanwhile."""

    type = "wait"
    settings = WaitSettings
    acts = False

    def check(self, settings: WaitSettings, output: Mapping[str, JsonObject]) -> Iterator[Problem]:
        """Ask for exactly one of the two ways to say when."""
        if (settings.duration is None) == (settings.until is None):
            yield Problem("duration", "give either duration or until")

    async def execute(self, settings: WaitSettings, step: StepInput, effects: Effects) -> Outcome:
        """Set the timer."""
        if settings.until is None:
            return NeedsTime(effects.now_ms() + (settings.duration or 0))
        return NeedsTime(_moment(settings.until.render(step.scope)))


def _moment(value: object) -> int:
    """Read a moment: Unix milliseconds, or an ISO date with a zone."""
    at_ms = None
    if isinstance(value, int) and not isinstance(value, bool):
        at_ms = value
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            at_ms = round(moment.timestamp() * 1_000) if moment.tzinfo else None
        except (ValueError, OverflowError):
            at_ms = None
    if at_ms is None or not 0 <= at_ms < _LATEST_MS:
        message = f"until must give an ISO date with a zone or Unix milliseconds, not {value!r:.80}"
        raise StepBroke("InvalidMoment", message, retryable=False)
    return at_ms
