"""The contract of a step type: its settings, its one call, its outcomes, errors and records."""

from steps.contract.step_type import (
    AnyStepType,
    Done,
    GoesOn,
    InvalidAnswer,
    Outcome,
    Problem,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
)

__all__ = [
    "AnyStepType",
    "Done",
    "GoesOn",
    "InvalidAnswer",
    "Outcome",
    "Problem",
    "StepBroke",
    "StepInput",
    "StepSettings",
    "StepType",
]
