"""wait: a durable timer."""

from collections.abc import Iterator, Mapping

from pydantic import Field

from engine import JsonObject, Sleeps
from steps.contract.step_type import Outcome, Problem, StepBroke, StepInput, StepSettings, StepType
from steps.effects.effects import Effects
from steps.language.durations import Duration
from steps.language.iso_dates import moment_ms
from steps.language.template import Template


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
        "output": "it delivers nothing; a `set` step sets values",
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
        try:
            return Sleeps(moment_ms(await settings.until.rendered(step.scope)))
        except ValueError as wrong:
            raise StepBroke("InvalidMoment", f"until {wrong}", retryable=False) from wrong
