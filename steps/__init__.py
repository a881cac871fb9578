"""Steps act: one file a step type, and the language in which definitions are written.

To add a step type:

1. Subclass `StepSettings` with the fields that are the step's own; `Template` fields may
   hold `{{ expressions }}`.
2. Subclass `StepType` with `type`, `settings`, and `execute`, which returns `Done`,
   `NeedsAnswer` or `NeedsTime`, or raises `StepBroke`.
3. Reach the world only through the `Effects` that `execute` is given.
4. Offer the class by the entry point group `stepwell.steps`, or put it in a plug-in file.
"""

from steps.contract import (
    Done,
    InvalidAnswer,
    NeedsAnswer,
    NeedsTime,
    Problem,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
)
from steps.effects import (
    Effects,
    ToolContext,
)
from steps.template import Template
from steps.tools import tool

__all__ = [
    "Done",
    "Effects",
    "InvalidAnswer",
    "NeedsAnswer",
    "NeedsTime",
    "Problem",
    "StepBroke",
    "StepInput",
    "StepSettings",
    "StepType",
    "Template",
    "ToolContext",
    "tool",
]
