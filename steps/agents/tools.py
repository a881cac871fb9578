"""What an agent may call: tools, workflows marked as tools, and the call that delivers."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from engine import ConditionFailed, Json, JsonObject, RetryPolicy
from engine.value import value
from steps.agents.agent import AgentDocument, AgentTool, Approval, compile_agent
from steps.agents.person import ASK_USER, INFO
from steps.contract.step_type import Problem, StepBroke
from steps.document.edge_condition import condition
from steps.effects.chat import ToolSpec
from steps.effects.effects import Effects, ToolInfo
from steps.fields.fields import Fields
from steps.language.nearest import did_you_mean
from steps.tools.arguments import argument_problems

DELIVER = "deliver"
HANDOFF = "handoff:"
_REASON: JsonObject = {
    "type": "object",
    "properties": {"reason": {"type": "string", "description": "why, and what is still to do"}},
    "additionalProperties": False,
}
_LONGEST_NAME = 60


@value(frozen=True, slots=True)
class Offer:
    """One thing that the model may call.

    Attributes:
        name: The name that the model uses for it.
        kind: Whether it is a tool, a workflow, a person to ask, or an agent to hand over to.
        id: The id of the tool or the workflow; `handoff:` and the id of an agent.
        description: Its description for the model.
        schema: The JSON Schema of its arguments.
        approval: Whether a person must approve each call, or which calls, as the agent says.
        timeout_ms: The longest time for one call, if the agent sets it.
        retry: When a failed call is made again, as the agent says.
        fields: The fields that a workflow takes, if it declares them.
    """

    name: str
    kind: Literal["tool", "workflow", "person", "agent"]
    id: str
    description: str
    schema: JsonObject
    approval: "bool | JsonObject"
    timeout_ms: int | None = None
    retry: "JsonObject | None" = None
    fields: "JsonObject | None" = None

    def to_json(self) -> JsonObject:
        """Return the offer in the form in which it is journaled."""
        return asdict(self)

    @property
    def spec(self) -> ToolSpec:
        """The offer in the form that the model receives."""
        return ToolSpec(self.name, self.description, self.schema)

    @property
    def policy(self) -> RetryPolicy:
        """The policy for repeating a failed call."""
        if self.retry is None:
            return RetryPolicy()
        kept: dict[str, Any] = {**self.retry}
        return RetryPolicy(**{**kept, "non_retryable": frozenset(kept["non_retryable"])})

    @property
    def terms(self) -> JsonObject:
        """The conditions for approving a call: `when`, `approvers` and `deadlineMs`."""
        return self.approval if isinstance(self.approval, dict) else {}

    def needs_approval(self, arguments: JsonObject, scope: Mapping[str, Json]) -> bool:
        """Return whether a person must approve a call; True if that cannot be determined."""
        when = self.terms.get("when")
        if when is None:
            return self.approval is not False
        try:
            return condition(str(when))({**scope, "arguments": arguments})
        except ConditionFailed:
            return True

    def problems(self, arguments: JsonObject) -> list[Problem]:
        """Return the reasons why a call with these arguments cannot be made."""
        found = argument_problems(self.schema, arguments, "arguments")
        if found or not self.fields:
            return found
        specs: dict[str, Any] = self.fields
        return Fields(specs).check(arguments, path="arguments")


def offer_from_json(kept: Json) -> Offer:
    """Return the offer that a record holds."""
    return Offer(**kept)  # type: ignore[arg-type] # written by `to_json`


async def offers_of(agent: AgentDocument, effects: Effects) -> list[Offer]:
    """Return what an agent may call now. Raises `StepBroke` if something does not exist."""
    known = {info.id: info for info in await effects.tools()}
    offers: list[Offer] = []
    taken = {DELIVER}
    for wanted in agent.tools:
        if wanted.workflow is not None:
            found = [await effects.workflow_as_tool(wanted.workflow)]
        elif wanted.tool == ASK_USER:
            found = [INFO]
        else:
            found = _matching(str(wanted.tool), known)
        offers += [_offer(wanted, info, _name(info.id, taken)) for info in found]
    for agent_id in agent.handoffs:
        other = compile_agent((await effects.agent(agent_id, None)).definition)
        name = _name(f"hand_over_to_{agent_id}", taken)
        message = f"Hand the work over to {other.name}, who continues this conversation"
        message += f": {other.description}" if other.description else "."
        offers.append(Offer(name, "agent", f"{HANDOFF}{agent_id}", message, _REASON, False))
    return offers


def _offer(wanted: AgentTool, info: ToolInfo, name: str) -> Offer:
    approval = wanted.approval
    return Offer(
        name,
        _kind(wanted),
        info.id,
        info.description,
        info.input_schema,
        approval if isinstance(approval, bool) else _terms(approval),
        wanted.timeout,
        _kept(wanted.retry.policy()) if wanted.retry else None,
        dict(info.fields) if info.fields else None,
    )


def _kind(wanted: AgentTool) -> Literal["tool", "workflow", "person"]:
    if wanted.workflow:
        return "workflow"
    return "person" if wanted.tool == ASK_USER else "tool"


def _terms(approval: Approval) -> JsonObject:
    approvers: list[Json] = [*approval.approvers]
    return {"when": approval.when, "approvers": approvers, "deadlineMs": approval.deadline}


def _kept(policy: RetryPolicy) -> JsonObject:
    return {**asdict(policy), "non_retryable": sorted(policy.non_retryable)}


def _matching(wanted: str, known: dict[str, ToolInfo]) -> list[ToolInfo]:
    if wanted.endswith(".*"):
        found = [info for tool_id, info in known.items() if tool_id.startswith(wanted[:-1])]
    else:
        found = [known[wanted]] if wanted in known else []
    if not found:
        message = f"there is no tool {wanted}{did_you_mean(wanted, known)}"
        raise StepBroke("UnknownTool", message, retryable=False)
    return found


def plain_name(tool_id: str) -> str:
    """Return a tool's id as a name for the model, if no other tool has that name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", tool_id)[:_LONGEST_NAME] or "tool"


def _name(tool_id: str, taken: set[str]) -> str:
    """Return an unused name that every provider accepts: letters, digits, `_` and `-`."""
    plain = plain_name(tool_id)
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}_{number}", number + 1
    taken.add(name)
    return name
