"""Steps act: one file a step type, and the language in which definitions are written.

To add a step type (`docs/extending.md` says it at length):

1. Subclass `StepSettings` with the fields that are the step's own; `Template` fields may
   hold `{{ expressions }}`.
2. Subclass `StepType` with `type`, `settings`, and `execute`, which returns `Done`,
   `NeedsAnswer`, `NeedsTime` or `NeedsRuns`, or raises `StepBroke`.
3. Reach the world only through the `Effects` that `execute` is given.
4. Offer the class by the entry point group `stepwell.steps`, or put it in a plug-in file.
"""

from steps.contract import (
    Done,
    GoesOn,
    InvalidAnswer,
    NeedsAnswer,
    NeedsRuns,
    NeedsTime,
    Outcome,
    Problem,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
)
from steps.durations import Duration
from steps.effects import (
    ChildPlan,
    ChildrenOpen,
    ChildRun,
    Effects,
    HttpRequest,
    HttpResponse,
    StoredFile,
    ToolContext,
)
from steps.secrets import secret_scope
from steps.template import SecretTemplate, Template
from steps.tools import tool

__all__ = [
    "ChildPlan",
    "ChildRun",
    "ChildrenOpen",
    "Done",
    "Duration",
    "Effects",
    "GoesOn",
    "HttpRequest",
    "HttpResponse",
    "InvalidAnswer",
    "NeedsAnswer",
    "NeedsRuns",
    "NeedsTime",
    "Outcome",
    "Problem",
    "SecretTemplate",
    "StepBroke",
    "StepInput",
    "StepSettings",
    "StepType",
    "StoredFile",
    "Template",
    "ToolContext",
    "secret_scope",
    "tool",
]
