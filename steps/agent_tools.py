"""What an agent is offered to call: tools, workflows marked as tools, and its way to deliver."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine import Json, JsonObject
from steps.agent import AgentTool
from steps.chat import ToolSpec
from steps.contract import StepBroke
from steps.effects import Effects, ToolInfo
from steps.nearest import did_you_mean

DELIVER = "deliver"
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that the model may call.

    Attributes:
        name: The name that the model knows it by.
        kind: Whether it is a tool or a workflow.
        id: The id of the tool or the workflow.
        description: What it is for, as the model is told.
        schema: The JSON Schema of its arguments.
        approval: Whether a person has to approve each call.
    """

    name: str
    kind: Literal["tool", "workflow"]
    id: str
    description: str
    schema: JsonObject
    approval: bool

    def to_json(self) -> JsonObject:
        """Return the offer as it is journaled."""
        return {
            "name": self.name,
            "kind": self.kind,
            "id": self.id,
            "description": self.description,
            "schema": self.schema,
            "approval": self.approval,
        }

    @property
    def spec(self) -> ToolSpec:
        """The offer as the model is told of it."""
        return ToolSpec(self.name, self.description, self.schema)


def offer_from_json(kept: Json) -> Offer:
    """Return the offer that a record holds."""
    return Offer(**kept)  # type: ignore[arg-type] # written by `to_json`


async def offers_of(tools: Sequence[AgentTool], effects: Effects) -> list[Offer]:
    """Return what an agent may call now. Raises `StepBroke` for what does not exist."""
    known = {info.id: info for info in await effects.tools()}
    offers: list[Offer] = []
    taken = {DELIVER}
    for wanted in tools:
        if wanted.workflow is not None:
            found = [await effects.workflow_as_tool(wanted.workflow)]
        else:
            found = _matching(str(wanted.tool), known)
        for info in found:
            kind: Literal["tool", "workflow"] = "workflow" if wanted.workflow else "tool"
            name = _name(info.id, taken)
            offers.append(
                Offer(name, kind, info.id, info.description, info.input_schema, wanted.approval)
            )
    return offers


def _matching(wanted: str, known: dict[str, ToolInfo]) -> list[ToolInfo]:
    if wanted.endswith(".*"):
        found = [info for tool_id, info in known.items() if tool_id.startswith(wanted[:-1])]
    else:
        found = [known[wanted]] if wanted in known else []
    if not found:
        message = f"there is no tool {wanted}{did_you_mean(wanted, known)}"
        raise StepBroke("UnknownTool", message, retryable=False)
    return found


def _name(tool_id: str, taken: set[str]) -> str:
    """Return a name that every provider takes: letters, digits, `_` and `-`, used once."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", tool_id)[:_LONGEST_NAME] or "tool"
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}_{number}", number + 1
    taken.add(name)
    return name
