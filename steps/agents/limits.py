"""The limits of an agent, and what happens when it reaches one.

Everything is read from records, so that executing the step again leads to the same outcome.
"""

from engine import Json, JsonObject, Pause, Pauses
from engine.counted import counted
from steps.agents.agent import Limits
from steps.contract.step_type import StepBroke, StepInput
from steps.effects.chat import Usage, in_currency, in_nano, usage_from_json
from steps.effects.effects import Effects
from steps.models.spending import LimitReached

MORE, DELIVER_NOW, STOP = "more", "deliver", "stop"
ACTIONS: tuple[JsonObject, ...] = (
    {"value": MORE, "label": "Give it as much again"},
    {"value": DELIVER_NOW, "label": "Let it deliver what it has"},
    {"value": STOP, "label": "Stop it"},
)
_TRIES_TO_DELIVER = 2


class AgentLimits:
    """The limits of one visit, and how much of them has been used.

    Attributes:
        settings: The limits as the agent's document sets them.
        used: The tokens that count, including those of child runs.
        spent_ms: The time that counts, in milliseconds.
        turns: The answers that count.
    """

    def __init__(self, settings: Limits, name: str, step: StepInput, effects: Effects) -> None:
        self.used = Usage()
        self.spent_ms = 0
        self.turns = 0
        self.settings = settings
        self._name = name
        self._step = step
        self._effects = effects
        self._answers = self._given()
        self._times = 1 + sum(answer["value"] == MORE for answer in self._answers)

    def _given(self) -> list[JsonObject]:
        """Return the answers that people gave at limits, oldest first."""
        found: list[JsonObject] = []
        while isinstance(answer := self._effects.recalled(f"limit-{len(found) + 1}"), dict):
            found.append(answer)
        return found

    async def announce(self) -> None:
        """Apply the limits to the model calls of child runs as well."""
        times = self._times + (self.deliver_turn is not None)
        cost = self.settings.cost
        await self._effects.limit(
            times * self.settings.maxTokens, None if cost is None else times * cost
        )

    @property
    def deliver_turn(self) -> int | None:
        """The turn from which the agent must deliver what it has; None: not yet."""
        for answer in self._answers:
            if answer["value"] == DELIVER_NOW:
                return int(answer["turn"])  # type: ignore[arg-type] # written by `kept_answer`
        return None

    def count_child(self, usage: Json) -> None:
        """Count the model usage of a call's child run."""
        if usage is not None:
            self.used += usage_from_json(usage)

    def left_s(self) -> float:
        """Return the remaining seconds, at least 0."""
        if self.deliver_turn is not None:
            return self.settings.time / 1_000
        return max(0, self._times * self.settings.time - self.spent_ms) / 1_000

    def reached(self, turn: int) -> StepBroke | None:
        """Return the failure for a limit that was used up before a turn, if there is one."""
        limits, times, deliver = self.settings, self._times, self.deliver_turn
        if deliver is not None and turn >= deliver:
            is_late = turn >= deliver + _TRIES_TO_DELIVER
            message = f"agent {self._name} was told to deliver what it had, but did not"
            return StepBroke(self._kind(), message, retryable=False) if is_late else None
        if self.turns >= times * limits.maxTurns:
            turns = counted(times * limits.maxTurns, "turn")
            message = f"agent {self._name} has not delivered within {turns}"
            return StepBroke("TooManyTurns", message, retryable=False)
        if self.used.total >= times * limits.maxTokens:
            message = self._used_up(counted(times * limits.maxTokens, "token"))
            return StepBroke("TokenLimit", message, retryable=False)
        most = None if limits.cost is None else in_nano(times * limits.cost)
        if most is not None and (self.used.cost_nano or 0) >= most:
            return StepBroke("CostLimit", self._used_up(f"{in_currency(most):g}"), retryable=False)
        return self.out_of_time() if self.left_s() <= 0 else None

    def out_of_time(self) -> StepBroke:
        """Return the failure of an agent that has worked too long."""
        limit_s = self._times * self.settings.time / 1_000
        return StepBroke("TimeLimit", self._used_up(f"{limit_s:g} s"), retryable=False)

    def is_own(self, broke: StepBroke) -> bool:
        """Return whether a failure comes from a limit of this agent itself."""
        if isinstance(broke, LimitReached):
            return broke.is_own
        return broke.error.type == "TimeLimit"

    def outcome(self, reached: StepBroke, turn: int) -> Pauses:
        """Return the question to ask at a limit. Raises `reached` if nobody is to be asked."""
        was_stopped = any(answer["value"] == STOP for answer in self._answers)
        if was_stopped or self.settings.onLimit == "fail" or self.deliver_turn is not None:
            raise reached
        number = len(self._answers) + 1
        body: JsonObject = {
            "stepId": self._step.step_id,
            "actionId": f"{self._step.step_id}/limit-{number}",
            "message": f"{reached.error.message}. How should the agent continue?",
            "actions": [*ACTIONS],
            "limit": {
                "type": reached.error.type,
                "record": f"limit-{number}",
                "turn": turn,
                "turns": self.turns,
                "usage": self.used.to_json(),
            },
        }
        return Pauses(Pause("request_user_action", body))

    def _kind(self) -> str:
        answer = next(item for item in self._answers if item["value"] == DELIVER_NOW)
        return str(answer["type"])

    def _used_up(self, amount: str) -> str:
        return f"agent {self._name} has used up its limit of {amount}"


def kept_answer(limit: JsonObject, value: str, signed: JsonObject) -> JsonObject:
    """Return the record for a person's answer at a limit."""
    return {"value": value, "type": limit["type"], "turn": limit["turn"], **signed}
