"""end-flow: the run ends."""

from collections.abc import Iterator, Mapping
from typing import Literal

from engine import JsonObject
from steps.contract import (
    Done,
    Effects,
    Outcome,
    Problem,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
)
from steps.template import Template


class EndFlowSettings(StepSettings):
    """How the run ends."""

    result: Template = Template({"success": True})
    status: Literal["completed", "failed"] = "completed"
    message: Template | None = None


class EndFlow(StepType[EndFlowSettings]):
    """Gives the run its result."""

    type = "end-flow"
    settings = EndFlowSettings
    acts = False
    ends = True

    def check(
        self, settings: EndFlowSettings, output: Mapping[str, JsonObject]
    ) -> Iterator[Problem]:
        """Ask for an object as result."""
        if not isinstance(settings.result.source, dict):
            yield Problem("result", "must be an object of templates")

    async def execute(
        self, settings: EndFlowSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """End the run."""
        if settings.status == "failed":
            told = settings.message.render(step.scope) if settings.message else "ended as failed"
            raise StepBroke("EndedAsFailed", str(told), retryable=False)
        return Done(settings.result.render(step.scope))
