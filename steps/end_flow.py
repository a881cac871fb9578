"""end-flow: the run ends."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from engine import JsonObject
from steps.contract import (
    Done,
    Outcome,
    Problem,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
)
from steps.effects import Effects
from steps.outputs import NO_RESULT
from steps.template import Template


class EndFlowSettings(StepSettings):
    """How the run ends."""

    result: Template = Field(
        default_factory=lambda: Template(NO_RESULT),
        description="the run's result, an object of templates",
    )
    status: Literal["completed", "failed"] = Field(
        "completed", description="whether the run ends as completed or as failed"
    )
    message: Template | None = Field(None, description="why it ends as failed")


class EndFlow(StepType[EndFlowSettings]):
    """Ends the run and gives it its result."""

    type = "end-flow"
    settings = EndFlowSettings
    built_in = True
    own_errors = False
    unused = {
        "retry": "the end of a run is not tried again",
        "onInterrupted": "it touches nothing, so it always goes on after a restart",
    }
    errors = {"EndedAsFailed": "the step ends the run as failed"}
    example = {
        "id": "done",
        "type": "end-flow",
        "result": {"invoice": "{{ data.number }}", "paid": True},
    }
    acts = False
    ends = True

    def check(
        self, settings: EndFlowSettings, output: Mapping[str, JsonObject]
    ) -> Iterator[Problem]:
        """Ask for an object as result."""
        if not isinstance(settings.result.source, dict):
            yield Problem("result", "must be an object of templates")

    def unused_in(self, document: Mapping[str, Any]) -> Mapping[str, str]:
        """Refuse what is for the other way to end."""
        if document.get("status") == "failed":
            return {**self.unused, "result": "a run that has failed has no result; use `message`"}
        return {**self.unused, "message": 'it is shown with `"status": "failed"`; use `result`'}

    async def execute(
        self, settings: EndFlowSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """End the run."""
        if settings.status == "failed":
            told = (
                await settings.message.rendered(step.scope)
                if settings.message
                else "ended as failed"
            )
            raise StepBroke("EndedAsFailed", str(told), retryable=False)
        return Done(await settings.result.rendered(step.scope))
