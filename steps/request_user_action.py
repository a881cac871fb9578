"""request-user-action: pause until a person decides."""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict, Field

from engine import Json, JsonObject, Pause, Pauses, iso_time
from steps.contract import (
    UNUSED_OF_A_PAUSE,
    InvalidAnswer,
    Outcome,
    Problem,
    StepInput,
    StepSettings,
    StepType,
)
from steps.durations import Duration
from steps.effects import (
    Effects,
)
from steps.template import Template, as_text


class Action(BaseModel):
    """One thing that a person may decide."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    value: str = Field(min_length=1, max_length=200, description="what the answer says")
    label: Template | None = Field(None, description="what the person reads; the value without it")


class RequestUserActionSettings(StepSettings):
    """What a request-user-action step may say."""

    message: Template | None = Field(None, description="what the person reads")
    actionId: str | None = Field(  # noqa: N815 - the page's word
        None,
        min_length=1,
        max_length=200,
        description="names the decision in the answer; the step's id without it",
    )
    actions: list[Action] = Field(
        default_factory=lambda: [
            Action(value="approved", label=Template("Approve")),
            Action(value="rejected", label=Template("Reject")),
        ],
        min_length=1,
        max_length=50,
        description="what may be decided; `approved` and `rejected` without it",
    )
    assignees: list[Template] = Field(
        [], description="who is meant to decide, for display; an item may give a list"
    )
    deadline: Duration | None = Field(
        None, description="after which the step's `timeout` edge is taken, which it then needs"
    )


class RequestUserAction(StepType[RequestUserActionSettings]):
    """Asks a person to choose one of several actions.

    The run pauses with the type `request_user_action`. The output is `actionId`,
    `actionValue`, `answeredBy`, `answeredAt`, and the `comment` if there is one. A timeout is
    never taken for consent unless the `timeout` edge leads there.
    """

    type = "request-user-action"
    settings = RequestUserActionSettings
    built_in = True
    asks = True
    own_errors = False
    unused = UNUSED_OF_A_PAUSE
    errors = {
        "DeadlinePassed": "nobody answered before the deadline, and no `timeout` edge is true"
    }
    example = {
        "id": "approve",
        "type": "request-user-action",
        "message": "Pay {{ data.amount }} EUR to {{ data.supplier }}?",
        "actions": [
            {"value": "approved", "label": "Pay"},
            {"value": "rejected", "label": "Send back"},
        ],
        "assignees": ["finance"],
        "deadline": "3d",
        "output": {"decision": {"type": "string", "value": "{{ result.actionValue }}"}},
    }
    acts = False

    def check(
        self, settings: RequestUserActionSettings, output: Mapping[str, JsonObject]
    ) -> Iterator[Problem]:
        """Refuse two actions with one value."""
        seen = set()
        for index, action in enumerate(settings.actions):
            if action.value in seen:
                yield Problem(f"actions[{index}].value", f"{action.value!r} is there twice")
            seen.add(action.value)

    async def execute(
        self, settings: RequestUserActionSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Pause with what the person is asked."""
        body: JsonObject = {
            "stepId": step.step_id,
            "actionId": settings.actionId or step.step_id,
            "message": await settings.message.rendered(step.scope) if settings.message else None,
            "actions": [
                {"value": action.value, "label": await _label(action, step)}
                for action in settings.actions
            ],
        }
        if settings.assignees:
            body["assignees"] = await _assignees(settings, step)
        deadline_ms = None
        if settings.deadline is not None:
            deadline_ms = effects.now_ms() + settings.deadline
            body["deadline"] = iso_time(deadline_ms)
        return Pauses(Pause("request_user_action", body), deadline_ms)

    def accept(
        self,
        settings: RequestUserActionSettings,
        step: StepInput,
        pause: JsonObject,
        answer: JsonObject,
    ) -> Json:
        """Check the answer's action and value against what was asked."""
        problems = []
        if answer.get("actionId") != pause["actionId"]:
            problems.append(Problem("actionId", f"must be {pause['actionId']!r}"))
        values = [action.value for action in settings.actions]
        if answer.get("actionValue") not in values:
            problems.append(Problem("actionValue", f"must be one of {', '.join(values)}"))
        if problems:
            raise InvalidAnswer(problems)
        output = {
            name: answer[name] for name in ("actionId", "actionValue", "answeredBy", "answeredAt")
        }
        if answer.get("comment") is not None:
            output["comment"] = answer["comment"]
        return output


async def _label(action: Action, step: StepInput) -> Json:
    label = await action.label.rendered(step.scope) if action.label else None
    return as_text(label) if label else action.value


async def _assignees(settings: RequestUserActionSettings, step: StepInput) -> list[Json]:
    found: list[Json] = []
    for template in settings.assignees:
        given = await template.rendered(step.scope)
        found += [as_text(item) for item in (given if isinstance(given, list) else [given])]
    return found
