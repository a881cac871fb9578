"""The client for asyncio: agents, their costs, and replays with another version."""

import stepwell._calls as calls
import stepwell._reading as reading
from stepwell._asynchronous.connection import AsyncConnection
from stepwell._documents import JsonObject


class AsyncAgents:
    """The agents of the tenant, as JSON documents: `AsyncClient.agents`.

    Args:
        connection: The connection to the server, made by the client.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, agent_id: str, version: str | None = None) -> JsonObject:
        """Return an agent.

        Args:
            agent_id: The agent.
            version: `latest`, `published` or a number; default: the latest.

        Returns:
            The agent, a dict.

        Raises:
            ApiError: The server refused: 404 if there is no such agent.
            Unanswered: The server was not reached.
        """
        return await self._document(calls.agent(agent_id, version))

    async def publish(self, agent_id: str, version: str | None = None) -> JsonObject:
        """Publish a version, which steps that name no version use from then on.

        Args:
            agent_id: The agent.
            version: The version; default: the newest.

        Returns:
            The published version, a dict.

        Raises:
            ApiError: The server refused.
            Unanswered: Whether it was published is unknown: look before you try again.
        """
        return await self._document(calls.publish_agent(agent_id, version))

    async def invoke(
        self,
        agent_id: str,
        message: str,
        *,
        thread_id: str | None = None,
        version: str | None = None,
        data_context: JsonObject | None = None,
    ) -> JsonObject:
        """Send an agent a message, and wait for its result.

        Args:
            agent_id: The agent.
            message: The message to the agent.
            thread_id: The conversation to continue; default: a new one.
            version: `latest`, `published` or a number; default: as for a step.
            data_context: `context` in expressions.

        Returns:
            A dict: `runId`, `status`, `data` and `threadId`; `pauseSignal` if it waits for a
            person.

        Raises:
            ApiError: The server refused.
            Unanswered: Whether the agent got the message is unknown.
        """
        call = calls.invoke_agent(agent_id, message, thread_id, version, data_context)
        return await self._document(call)

    async def replay(
        self,
        run_id: str,
        *,
        step_id: str | None = None,
        visit: int | None = None,
        version: str | None = None,
        model: str | None = None,
    ) -> str:
        """Start a replay of a visit; tool calls get the answers recorded then.

        Args:
            run_id: The recorded run.
            step_id: Its `call-agent` or `call-llm` step; default: the last.
            visit: Which visit of it; default: the last.
            version: The version of the agent; default: that of the recorded visit.
            model: The model; default: the agent's or the step's own.

        Returns:
            The id of the run that replays the visit, for `replayed`.

        Raises:
            ApiError: The server refused.
            Unanswered: Whether the replay was started is unknown.
        """
        call = calls.replay(run_id, step_id, visit, version, model)
        return reading.run_id(await self._connection.ask(call))

    async def replayed(self, replay_id: str) -> JsonObject:
        """Return the result of a replay beside the recorded visit.

        Args:
            replay_id: The id that `replay` returned.

        Returns:
            A dict: `status`, `same`, `changes`, and `before` and `after` with `output`, `turns`,
            `calls`, `tokens`, `cost` and `modelMs`.

        Raises:
            ApiError: The server refused: 404 if there is no such replay.
            Unanswered: The server was not reached.
        """
        return await self._document(calls.replayed(replay_id))

    async def usage(
        self, *, since: str | None = None, until: str | None = None, by: str = "day,model"
    ) -> JsonObject:
        """Return how much models were used, and what it cost.

        Args:
            since: The first day (UTC), such as `2026-11-01`; default: the first of the month.
            until: The last day; default: today.
            by: How it is grouped: any of `day`, `workflow`, `agent`, `model`, separated by commas.

        Returns:
            A dict: `total`, and `usage` with a line for each group.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        return await self._document(calls.usage(since, until, by))

    async def budgets(self) -> list[JsonObject]:
        """List the monthly budgets for models.

        Returns:
            A dict for each: `workflowId` (None for the tenant's), `month` and `spent`.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        return reading.budgets(await self._connection.ask(calls.budgets()))

    async def set_budget(
        self, month: float | None, workflow_id: str | None = None
    ) -> list[JsonObject]:
        """Set a monthly budget for models.

        Args:
            month: The budget; None for no budget.
            workflow_id: The workflow it is for; default: the whole tenant.

        Returns:
            As `budgets`.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        call = calls.set_budget(month, workflow_id)
        return reading.budgets(await self._connection.ask(call))

    async def _document(self, call: calls.Call) -> JsonObject:
        return reading.document(await self._connection.ask(call))
