"""Hands the work of one agent over to another within a visit.

The second agent continues the same conversation with its own instructions, model and tools. Its
version and its tools are recorded with the call that handed the work over.
"""

from collections.abc import Sequence

from engine import Json, JsonObject
from engine.value import value
from steps.agents.agent import AgentDefinition, compile_agent
from steps.agents.call import AgentCall
from steps.agents.call_messages import error_message
from steps.agents.tools import HANDOFF, Offer, offer_from_json, offers_of
from steps.effects.effects import Effects


@value(frozen=True, slots=True)
class Worker:
    """The agent at work: one version of it, with the tools that it may call."""

    id: str
    agent: AgentDefinition
    offers: list[Offer]


async def begun(agent_id: str, version: str | None, effects: Effects) -> JsonObject:
    """Choose an agent's version and look up its tools, for a record. Raises `StepBroke`."""
    agent = await effects.agent(agent_id, version)
    offers = await offers_of(compile_agent(agent.definition).settings, effects)
    return {
        "agent": {"id": agent.id, "version": agent.version},
        "definition": agent.definition,
        "tools": [offer.to_json() for offer in offers],
    }


def worker_of(kept: Json) -> Worker:
    """Return the agent that a record names."""
    assert isinstance(kept, dict)  # noqa: S101 - written by `begun`
    tools = kept["tools"]
    assert isinstance(tools, list)  # noqa: S101 - as above
    agent_id = str(kept["agent"]["id"])  # type: ignore[index,call-overload] # as above
    return Worker(
        agent_id, compile_agent(kept["definition"]), [offer_from_json(item) for item in tools]
    )


async def handed_over(offer: Offer, effects: Effects) -> JsonObject:
    """Return the record of a call that hands the work over. Raises `StepBroke`."""
    to = await begun(offer.id.removeprefix(HANDOFF), None, effects)
    message = "The work is yours now. Continue it."
    return {"tool": offer.id, "ok": True, "result": message, "durationMs": 0, "handoff": to}


def handoff_in(calls: Sequence[AgentCall]) -> AgentCall | None:
    """Return the first call that hands the work over; it is made after all the others."""
    wanted = [call for call in calls if call.offer is not None and call.offer.kind == "agent"]
    wanted = [call for call in wanted if call.arguments is not None]
    for call in wanted:
        call.stand = "over"
        call.message = error_message("NotMade", "the work has been handed over to another agent")
    return wanted[0] if wanted else None
