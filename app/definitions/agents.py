"""Agents: the stored definitions that call-agent steps name."""

from app.clock import Clock
from app.definitions.versioned import Definitions
from journal import Archived, Journal, UnknownAgent, UnknownVersion
from steps.agents.agent import AgentDefinition, compile_agent
from steps.checking.check import strictly_compiled_agent
from steps.contract.step_type import StepBroke
from steps.document.problems import InvalidDefinition
from steps.effects.usable_agent import Agent


class Agents(Definitions[AgentDefinition]):
    """The agents of all tenants."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        super().__init__(journal.agents, compile_agent, strictly_compiled_agent, clock)

    async def usable(self, tenant: str, agent_id: str, selector: str | None) -> Agent:
        """Return the version that a step calls. Raises `StepBroke`."""
        try:
            row = await self.chosen(tenant, agent_id, selector)
            if row.archived:
                raise Archived("agent", agent_id)
            await self.compile_row(tenant, row)
        except (UnknownAgent, UnknownVersion, Archived, InvalidDefinition) as unusable:
            raise StepBroke("UnknownAgent", str(unusable), retryable=False) from unusable
        return Agent(row.id, row.version, row.definition)
