"""collect-inputs: continue if the fields exist, otherwise ask a person for them."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from engine import Json, JsonObject
from steps.asking.asked_fields import FIELD_ERRORS, accepted, worked_out
from steps.asking.pause import ASK_ERRORS, asking_pause, asking_problems
from steps.asking.settings import AskSettings
from steps.contract.step_type import (
    UNUSED_OF_A_PAUSE,
    Done,
    InvalidAnswer,
    Outcome,
    Problem,
    StepInput,
    StepType,
)
from steps.effects.effects import Effects
from steps.fields.fields import Fields


class CollectInputsSettings(AskSettings):
    """The settings of a collect-inputs step apart from its output fields."""

    ask: Literal["missing", "always"] = Field(
        "missing",
        description="which fields are asked for: only the missing ones, or all, with existing "
        "values filled in",
    )


class CollectInputs(StepType[CollectInputsSettings]):
    """Asks a person for the declared output fields that the run does not have.

    It continues without asking if `data` already holds a valid value for every required output
    field. Otherwise the run pauses with the type `collect_inputs` and the missing `fields`. When a
    loop enters the step again, it asks for all fields again. Its output is the fields.
    """

    type = "collect-inputs"
    settings = CollectInputsSettings
    built_in = True
    asks = True
    asks_fields = True
    own_errors = False
    unused = UNUSED_OF_A_PAUSE
    errors: ClassVar[Mapping[str, str]] = {
        **ASK_ERRORS,
        **FIELD_ERRORS,
    }
    example = {
        "id": "contact",
        "type": "collect-inputs",
        "message": "How do we reach {{ data.customerName }}?",
        "output": {
            "email": {"type": "string", "format": "email"},
            "phone": {"type": "string", "required": False},
        },
    }
    acts = False

    def check(
        self, settings: CollectInputsSettings, output: Mapping[str, JsonObject]
    ) -> Iterator[Problem]:
        """Refuse fields that take their value from elsewhere."""
        if not isinstance(settings.onDeadline, str):
            message = "there are no actions here; use `timeout`, `fail` or `stay`"
            yield Problem("onDeadline", message)
        yield from asking_problems(settings)
        for name, spec in output.items():
            if isinstance(spec, dict) and "value" in spec:
                yield Problem(f"output.{name}.value", "is given by a person here; leave it out")

    async def execute(
        self, settings: CollectInputsSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Deliver the fields if they exist on the first visit, otherwise ask."""
        specs, data = await worked_out(step.output, step.scope), _data(step)
        fields = Fields(specs)
        known = {name: data[name] for name in step.output if name in data}
        if settings.ask == "missing" and step.visit == 1 and not fields.check(known):
            return Done(fields.with_defaults(known))
        is_always = settings.ask == "always"
        asked = _filled(specs, data) if is_always else _asked(specs, data, step.visit)
        body: JsonObject = {"stepId": step.step_id, "fields": asked}
        return await asking_pause("collect_inputs", body, settings, step, effects)

    def accept(
        self,
        settings: CollectInputsSettings,
        step: StepInput,
        pause: JsonObject,
        answer: JsonObject,
    ) -> Json:
        """Check the answer's `data` against the fields that were asked for."""
        given = answer.get("data")
        if problems := [
            Problem(name, "is not asked for: the question asks for `data` only")
            for name in ("actionId", "actionValue")
            if answer.get(name) is not None
        ]:
            raise InvalidAnswer(problems)
        if not isinstance(given, dict):
            raise InvalidAnswer(
                [Problem("data", "is required: an object with the fields asked for")]
            )
        fields = pause.get("fields")
        asked: JsonObject = fields if isinstance(fields, dict) else {}
        values = accepted(step.output, asked, given)
        data = _data(step)
        kept = {name: data[name] for name in step.output if name in data and name not in asked}
        return {**kept, **values}


def _filled(specs: Mapping[str, JsonObject], data: JsonObject) -> dict[str, Any]:
    """Return all fields, with the existing values as defaults."""
    return {
        name: {**spec, "default": data[name]}
        if name in data and not Fields({name: spec}).check(data)
        else spec
        for name, spec in specs.items()
    }


def _asked(specs: Mapping[str, JsonObject], data: JsonObject, visit: int) -> dict[str, Any]:
    """Return all fields on a later visit; on the first, only the missing ones."""
    if visit > 1:
        return dict(specs)
    return {
        name: spec
        for name, spec in specs.items()
        if name not in data or Fields({name: spec}).check(data)
    }


def _data(step: StepInput) -> JsonObject:
    data = step.scope["data"]
    return data if isinstance(data, dict) else {}
