"""The error for a step whose model calls are over a limit."""

from typing import Literal

from steps.contract.step_type import StepBroke


class LimitReached(StepBroke):
    """A limit on tokens or a budget has been used up, so a model was not asked.

    Attributes:
        scope: What the limit applies to: a step, a run, or a month of a workflow or a tenant.
        unit: The unit that it counts.
        is_own: Whether it is a limit of the step that asks.
        run_id: The run that it applies to; empty for a month.
        most_nano: The budget in billionths of the currency, if it counts cost.
    """

    def __init__(  # noqa: PLR0913 - what a limit is
        self,
        scope: Literal["step", "run", "workflow", "tenant"],
        unit: Literal["tokens", "cost"],
        message: str,
        *,
        is_own: bool,
        run_id: str,
        most_nano: int = 0,
    ) -> None:
        kind = "TokenLimit" if unit == "tokens" else "CostLimit"
        super().__init__(kind if scope == "step" else "BudgetReached", message, retryable=False)
        self.scope, self.unit, self.is_own, self.run_id = scope, unit, is_own, run_id
        self.most_nano = most_nano

    @property
    def is_budget(self) -> bool:
        """Whether a person is asked instead of failing the step."""
        return self.scope != "step"
