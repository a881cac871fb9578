"""Pauses the step when a budget is used up, until a person decides how to continue.

The answers are records of the visit, so that a raised budget stays raised when the step is executed
again.
"""

from engine import JsonObject, Pause, Pauses
from steps.asking.chosen_action import action_problems
from steps.contract.step_type import GoesOn, InvalidAnswer, Problem, StepBroke, StepInput
from steps.effects.chat import in_currency
from steps.effects.effects import Effects
from steps.models.spending import LimitReached

RAISE, AGAIN, STOP = "raise", "again", "stop"
FIRST = "budget-1"
"""The record of the first answer; without it there are no answers."""

_LABELS = {RAISE: "Raise the budget", AGAIN: "Look again", STOP: "Let the step fail"}
_LARGEST = 1_000_000_000


class BudgetQuestions:
    """The answers of people in one visit about budgets that were used up."""

    def __init__(self, step: StepInput, effects: Effects) -> None:
        self._step = step
        self._effects = effects
        self._answered = 0

    async def settle(self) -> None:
        """Apply the answers. Raises `StepBroke` if an answer says to stop."""
        while isinstance(answer := self._effects.recalled(f"budget-{self._answered + 1}"), dict):
            self._answered += 1
            if answer["value"] == STOP:
                message = f"{answer['reached']}; {answer['by']} has stopped the step"
                raise StepBroke("BudgetReached", message, retryable=False)
            if answer["value"] == RAISE:
                cost: float = answer["to"]  # type: ignore[assignment] # by `accepted`
                await self._effects.raise_budget(str(answer["runId"]), cost)

    def pause(self, reached: LimitReached) -> Pauses:
        """Return the question how to continue the step."""
        number = self._answered + 1
        actions = (RAISE if reached.run_id else AGAIN, STOP)
        hint = "raise it by as much again" if reached.run_id else "raise it at /api/budgets first"
        body: JsonObject = {
            "stepId": self._step.step_id,
            "actionId": f"{self._step.step_id}/budget-{number}",
            "message": f"{reached.error.message}. To continue, {hint}",
            "actions": [{"value": value, "label": _LABELS[value]} for value in actions],
            "budget": {
                "scope": reached.scope,
                "most": in_currency(reached.most_nano),
                "runId": reached.run_id,
                "reached": reached.error.message,
                "record": f"budget-{number}",
            },
        }
        return Pauses(Pause("request_user_action", body))


def accepted(pause: JsonObject, answer: JsonObject) -> GoesOn | None:
    """Return the record for an answer; None if the pause is about something else.

    Raises `InvalidAnswer` if the answer does not fit; the run stays paused.
    """
    budget = pause.get("budget")
    if not isinstance(budget, dict):
        return None
    actions = pause["actions"]
    values = (str(item["value"]) for item in actions if isinstance(item, dict))  # type: ignore[union-attr]
    value, problems = answer.get("actionValue"), action_problems(pause, answer, values)
    kept: JsonObject = {
        "value": value,
        "by": answer["answeredBy"],
        "at": answer["answeredAt"],
        "runId": budget["runId"],
        "reached": budget["reached"],
    }
    if value == RAISE:
        data = answer.get("data")
        most: float = budget["most"]  # type: ignore[assignment] # by `pause`
        to = data.get("to") if isinstance(data, dict) else 2 * most
        is_number = isinstance(to, int | float) and not isinstance(to, bool)
        if not is_number or not most < to <= _LARGEST:  # type: ignore[operator] # as above
            problems.append(
                Problem("data.to", f"must be a number over {most:,g}, at most {_LARGEST:,}")
            )
        kept["to"] = to
    if problems:
        raise InvalidAnswer(problems)
    return GoesOn(str(budget["record"]), kept)
