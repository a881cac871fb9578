"""end-flow: end the run."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Literal

from pydantic import Field

from engine import JsonObject
from steps.contract.step_type import (
    Done,
    Outcome,
    Problem,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
)
from steps.document.outputs import NO_RESULT
from steps.effects.effects import Effects
from steps.http.run_answer import RECORD, HttpAnswer
from steps.language.template import Template, as_text

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,99}")
_NO_WORD = "must be a word, such as OutOfStock: a letter, then letters and digits, 100 at most"


class EndFlowSettings(StepSettings):
    """The ending of the run."""

    result: Template = Field(
        default_factory=lambda: Template(NO_RESULT),
        description="the run's result: an object of templates, or a template that gives an object",
    )
    status: Literal["completed", "failed"] = Field(
        "completed", description="whether the run completes or fails"
    )
    message: Template | None = Field(None, description="the message of the failure")
    errorType: Template | None = Field(  # noqa: N815 - the document's word
        None,
        description="the error type of the failure, a word such as `OutOfStock`; default: "
        "`EndedAsFailed`",
    )
    answer: HttpAnswer | None = Field(
        None,
        description="the HTTP response, if a request to a trigger's address waits for the "
        "result; default: the result with status 200",
    )


class EndFlow(StepType[EndFlowSettings]):
    """Ends the run and gives it its result."""

    type = "end-flow"
    settings = EndFlowSettings
    built_in = True
    unused = {
        "retry": "the end of a run is not tried again",
        "onInterrupted": "it touches nothing, so it always continues after a restart",
    }
    errors = {
        "EndedAsFailed": "the step ends the run as failed, and has no `errorType`",
        "InvalidAnswer": "`answer` gives no status, or a header that is none",
    }
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
        """Require an object as result, and a word as type of the error."""
        if not settings.result.may_be_object:
            yield Problem("result", "must be an object of templates, or a template that gives one")
        kind = settings.errorType.source if settings.errorType else "EndedAsFailed"
        if not isinstance(kind, str) or not ("{{" in kind or _WORD.fullmatch(kind)):
            yield Problem("errorType", _NO_WORD)

    def unused_in(self, document: Mapping[str, Any]) -> Mapping[str, str]:
        """Refuse settings that belong to the other status."""
        if document.get("status") == "failed":
            instead = "a run that has failed has no result; use `message`"
            answered = "a run that has failed is answered with 500; end it as completed"
            return {**self.unused, "result": instead, "answer": answered}
        only = 'it is shown with `"status": "failed"`; use `result`'
        return {**self.unused, "message": only, "errorType": only}

    def acts_now(self, settings: EndFlowSettings, effects: Effects) -> bool:
        """Return whether it records an answer, in which case its start must be durable first."""
        return settings.answer is not None

    async def execute(
        self, settings: EndFlowSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """End the run."""
        if settings.status == "failed":
            raise await _failure(settings, step)
        if settings.answer is not None:
            await effects.record(RECORD, partial(settings.answer.rendered, step.scope))
        result = await settings.result.rendered(step.scope)
        if not isinstance(result, dict):
            raise StepBroke("InvalidOutput", "result must give an object", retryable=False)
        return Done(result)


async def _failure(settings: EndFlowSettings, step: StepInput) -> StepBroke:
    """Return the failure with which the run ends, or the one of its settings."""
    message = "ended as failed"
    if settings.message is not None:
        message = as_text(await settings.message.rendered(step.scope))
    if settings.errorType is None:
        return StepBroke("EndedAsFailed", message, retryable=False)
    kind = await settings.errorType.rendered(step.scope)
    if not isinstance(kind, str) or not _WORD.fullmatch(kind):
        return StepBroke("InvalidOutput", f"errorType {_NO_WORD}", retryable=False)
    return StepBroke(kind, message, retryable=False)
