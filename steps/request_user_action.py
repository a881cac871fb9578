"""request-user-action: pause until a person decides."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from engine import Json, JsonObject
from steps.asking.asked_fields import FIELD_ERRORS, accepted, worked_out
from steps.asking.chosen_action import action_problems
from steps.asking.pause import ASK_ERRORS, NOBODY, asking_pause, asking_problems
from steps.asking.settings import AskSettings
from steps.contract.keeps_asking import KeepsAsking
from steps.contract.part import Part
from steps.contract.step_type import (
    UNUSED_OF_A_PAUSE,
    InvalidAnswer,
    Outcome,
    Problem,
    StepInput,
    StepType,
)
from steps.effects.effects import Effects
from steps.fields.field_specs import spec_problems
from steps.language.template import Template, as_text
from steps.language.template_places import APART

ANSWER_WORDS = (
    "actionId", "actionValue", "attachments", "comment", "pauseId", "runId", "seen", "stepId",
    "type",
)  # fmt: skip
"""The keys of every answer beside the fields' values; no field may have one of these names."""


class Action(Part):
    """One action that a person may choose."""

    value: str = Field(min_length=1, max_length=200, description="the value in the answer")
    label: Template | None = Field(None, description="the text of the button; default: the value")
    fields: Annotated[dict[str, Any], APART] = Field(
        {},
        max_length=50,
        description="fields for the person who chooses it to fill in, such as a reason; their "
        "specs are as in the `output` of collect-inputs. Their values are `data` of the output",
    )


class RequestUserActionSettings(AskSettings):
    """The actions of a request-user-action step, and how many answers it needs."""

    actionId: str | None = Field(  # noqa: N815 - the document's word
        None,
        min_length=1,
        max_length=200,
        description="the name of the decision in the answer; default: the step's id",
    )
    actions: list[Action] = Field(
        default_factory=lambda: [
            Action(value="approved", label=Template("Approve")),
            Action(value="rejected", label=Template("Reject")),
        ],
        min_length=1,
        max_length=50,
        description="the actions to choose from; default: `approved` and `rejected`",
    )
    required: int = Field(
        1,
        ge=1,
        le=50,
        description="how many people must choose the same action before the run continues",
    )
    veto: list[str] = Field(
        [],
        max_length=50,
        description="the values of actions that take effect with a single answer, regardless of "
        "`required`",
    )


class RequestUserAction(StepType[RequestUserActionSettings]):
    """Asks a person to choose one of several actions.

    The run pauses with the type `request_user_action`. The output is `actionId`, `actionValue`,
    `answeredBy`, `answeredAt`, the `data` of the action's own fields, and the `comment` and the ids
    of `attachments` if there are any. A timeout never counts as consent unless the `timeout` edge
    leads there.
    """

    type = "request-user-action"
    settings = RequestUserActionSettings
    built_in = True
    asks = True
    own_errors = False
    unused = UNUSED_OF_A_PAUSE
    errors: ClassVar[Mapping[str, str]] = {**ASK_ERRORS, **FIELD_ERRORS}
    example = {
        "id": "approve",
        "type": "request-user-action",
        "message": "Pay {{ data.amount }} EUR to {{ data.supplier }}?",
        "actions": [
            {"value": "approved", "label": "Pay"},
            {
                "value": "rejected",
                "label": "Send back",
                "fields": {"reason": {"type": "string", "maxLength": 2000}},
            },
        ],
        "assignees": ["finance"],
        "deadline": "3d",
        "output": {"decision": {"type": "string", "value": "{{ result.actionValue }}"}},
    }
    acts = False

    def check(
        self, settings: RequestUserActionSettings, output: Mapping[str, JsonObject]
    ) -> Iterator[Problem]:
        """Refuse two actions with the same value, and settings without effect."""
        seen: set[str] = set()
        for index, action in enumerate(settings.actions):
            if action.value in seen:
                yield Problem(f"actions[{index}].value", f"{action.value!r} occurs twice")
            seen.add(action.value)
        for index, value in enumerate(settings.veto):
            if value not in seen:
                yield Problem(f"veto[{index}]", f"{value!r} is not the value of an action")
        if settings.veto and settings.required == 1:
            yield Problem("veto", "has no effect where one answer is enough; give `required`")
        for index, action in enumerate(settings.actions):
            yield from _field_problems(action, f"actions[{index}].fields")
        late = settings.onDeadline
        if not isinstance(late, str) and late.actionValue not in seen:
            message = f"{late.actionValue!r} is not the value of an action"
            yield Problem("onDeadline.actionValue", message)
        for action in settings.actions:
            if not isinstance(late, str) and late.actionValue == action.value:
                yield from _unfilled(action)
        yield from asking_problems(settings)

    async def execute(
        self, settings: RequestUserActionSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Pause with the question."""
        body: JsonObject = {
            "stepId": step.step_id,
            "actionId": settings.actionId or step.step_id,
            "message": None,
            "actions": [
                {
                    "value": action.value,
                    "label": await _label(action, step),
                    **await _asked(action, step),
                }
                for action in settings.actions
            ],
        }
        if settings.required > 1:
            body["required"] = settings.required
            body["answers"] = []
            if settings.veto:
                body["veto"] = [*settings.veto]
        return await asking_pause("request_user_action", body, settings, step, effects)

    def accept(
        self,
        settings: RequestUserActionSettings,
        step: StepInput,
        pause: JsonObject,
        answer: JsonObject,
    ) -> "Json | KeepsAsking":
        """Check the answer's action and value against the question, and count it."""
        problems = list(_misplaced(answer))
        if not problems:
            values = (action.value for action in settings.actions)
            problems += action_problems(pause, answer, values)
        if problems:
            raise InvalidAnswer(problems)
        output = {
            name: answer[name] for name in ("actionId", "actionValue", "answeredBy", "answeredAt")
        }
        output |= _filled(settings, pause, answer)
        if answer.get("comment") is not None:
            output["comment"] = answer["comment"]
        if attached := answer.get("attachments"):
            output["attachments"] = _ids(attached)
        if settings.required == 1:
            return output
        return _counted(settings, pause, output)


def _counted(
    settings: RequestUserActionSettings, pause: JsonObject, output: JsonObject
) -> "Json | KeepsAsking":
    """Return the output if enough people chose the same action, else that more must answer."""
    before = pause.get("answers")
    kept: list[Json] = [*(before if isinstance(before, list) else [])]
    answers: list[Json] = [*kept, {key: output[key] for key in output if key != "actionId"}]
    chosen = output["actionValue"]
    same = sum(isinstance(one, dict) and one["actionValue"] == chosen for one in answers)
    is_decided = same >= settings.required or chosen in settings.veto
    if is_decided or output["answeredBy"] == NOBODY:
        return {**output, "answers": answers}
    return KeepsAsking({"answers": answers})


def _field_problems(action: Action, path: str) -> Iterator[Problem]:
    yield from spec_problems(action.fields, path, outputs=False, stored=True, asked=True)
    for name in action.fields:
        if name in ANSWER_WORDS:
            yield Problem(f"{path}.{name}", "is a word of every answer; use another name")


def _unfilled(action: Action) -> Iterator[Problem]:
    """Find fields that nobody fills in when the deadline has passed."""
    for name, spec in action.fields.items():
        if isinstance(spec, dict) and spec.get("required", True) and "default" not in spec:
            message = f"nobody fills in {name} of {action.value!r} then; give it a default"
            yield Problem("onDeadline.actionValue", message)


async def _asked(action: Action, step: StepInput) -> JsonObject:
    return {"fields": await worked_out(action.fields, step.scope)} if action.fields else {}


def _filled(
    settings: RequestUserActionSettings, pause: JsonObject, answer: JsonObject
) -> JsonObject:
    """Return the values of the chosen action's fields. Raises `InvalidAnswer`."""
    chosen, actions = answer["actionValue"], pause.get("actions")
    fields = next(
        (
            one.get("fields")
            for one in (actions if isinstance(actions, list) else ())
            if isinstance(one, dict) and one.get("value") == chosen
        ),
        None,
    )
    given = answer.get("data")
    values: JsonObject = given if isinstance(given, dict) else {}
    if not isinstance(fields, dict):
        accepted({}, {}, values)
        return {}
    specs = next(one.fields for one in settings.actions if one.value == chosen)
    return {"data": accepted(specs, fields, values)}


def _ids(attached: Json) -> Json:
    """Return the ids of the files in an answer."""
    files = attached if isinstance(attached, list) else []
    return [one["fileId"] if isinstance(one, dict) else one for one in files]


def _misplaced(answer: JsonObject) -> Iterator[Problem]:
    """Find an action that is one level too deep in the answer."""
    data = answer.get("data")
    if not isinstance(data, dict):
        return
    for name in ("actionId", "actionValue", "comment"):
        if name in data and answer.get(name) is None:
            yield Problem(f"data.{name}", f"belongs one level higher, beside `type`: {name}")


async def _label(action: Action, step: StepInput) -> Json:
    label = await action.label.rendered(step.scope) if action.label else None
    return as_text(label) if label else action.value
