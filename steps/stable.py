"""The names of `steps` that extensions may rely on; `from steps import ...` finds them here."""

from collections.abc import Mapping, Sequence

from engine import AwaitsChildren, Json, JsonObject, Pause, Pauses, RunError, Sleeps
from steps.contract.step_type import (
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
from steps.document.problems import InvalidDefinition
from steps.effects.chat import (
    ChatAnswer,
    ChatRequest,
    ImagePart,
    Message,
    TextPart,
    ToolCall,
    ToolSpec,
    Usage,
)
from steps.effects.child_runs import ChildEnd, ChildPlan, ChildrenEnded, ChildrenOpen, ChildRun
from steps.effects.effects import Effects, ToolContext, ToolInfo
from steps.effects.http_messages import HttpRequest, HttpResponse
from steps.effects.outgoing import OutgoingSignal
from steps.effects.stored_file import StoredFile
from steps.effects.usable_agent import Agent
from steps.language.durations import Duration
from steps.language.expression import ExpressionError
from steps.language.template import SecretTemplate, Template
from steps.secrets import secret_scope
from steps.tools.tools import tool

__all__ = [
    "Agent",
    "AwaitsChildren",
    "ChatAnswer",
    "ChatRequest",
    "ChildEnd",
    "ChildPlan",
    "ChildRun",
    "ChildrenEnded",
    "ChildrenOpen",
    "Done",
    "Duration",
    "Effects",
    "ExpressionError",
    "GoesOn",
    "HttpRequest",
    "HttpResponse",
    "ImagePart",
    "InvalidAnswer",
    "InvalidDefinition",
    "Json",
    "JsonObject",
    "Message",
    "Outcome",
    "OutgoingSignal",
    "Pause",
    "Pauses",
    "Problem",
    "RunError",
    "SecretTemplate",
    "Sleeps",
    "StepBroke",
    "StepInput",
    "StepSettings",
    "StepType",
    "StoredFile",
    "Template",
    "TextPart",
    "ToolCall",
    "ToolContext",
    "ToolInfo",
    "ToolSpec",
    "Usage",
    "secret_scope",
    "tool",
]

STABLE: Mapping[str, Sequence[str]] = {
    "steps": __all__,
    "steps.definition": ["compile_definition"],
    "steps.registry": ["Registry"],
    "steps.tools": ["tool"],
    "steps.testing": [
        "FakeEffects",
        "NotProvided",
        "StepTrial",
        "ToolUse",
        "call_tool",
        "chat_answer",
        "child_end",
        "http_response",
    ],
}
"""What extenders may import, by module. A release that changes one of these names says in its
changelog what to do; all other names may change in any release."""
