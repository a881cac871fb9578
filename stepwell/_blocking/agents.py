# Made by `make blocking-client` from stepwell/_asynchronous/agents.py: change that file.
"""The client for threads: agents, what they cost, and how another version would do."""

import stepwell._calls as calls
import stepwell._reading as reading
from stepwell._blocking.connection import Connection
from stepwell._documents import JsonObject


class Agents:
    """The agents of the tenant, as JSON documents: `Client.agents`.

    Args:
        connection: The way to the server, made by the client.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, agent_id: str, version: str | None = None) -> JsonObject:
        """Show an agent.

        Args:
            agent_id: The agent.
            version: `latest`, `published` or a number; the latest without it.

        Returns:
            The agent, a dict.

        Raises:
            ApiError: The server refused: 404 where there is no such agent.
            Unanswered: The server was not reached.
        """
        return self._document(calls.agent(agent_id, version))

    def publish(self, agent_id: str, version: str | None = None) -> JsonObject:
        """Publish a version, which steps that name none take from then on.

        Args:
            agent_id: The agent.
            version: The version; the newest without it.

        Returns:
            The published version, a dict.

        Raises:
            ApiError: The server refused.
            Unanswered: Whether it was published is unknown: look before you try again.
        """
        return self._document(calls.publish_agent(agent_id, version))

    def invoke(
        self,
        agent_id: str,
        message: str,
        *,
        thread_id: str | None = None,
        version: str | None = None,
        data_context: JsonObject | None = None,
    ) -> JsonObject:
        """Ask an agent, and wait for what it delivers.

        Args:
            agent_id: The agent.
            message: What it is asked.
            thread_id: The conversation that this goes on; a new one without it.
            version: `latest`, `published` or a number; as a step's without it.
            data_context: `context` in expressions.

        Returns:
            A dict: `runId`, `status`, `data` and `threadId`; `pauseSignal` where it waits for a
            person.

        Raises:
            ApiError: The server refused.
            Unanswered: Whether it was asked is unknown.
        """
        call = calls.invoke_agent(agent_id, message, thread_id, version, data_context)
        return self._document(call)

    def replay(
        self,
        run_id: str,
        *,
        step_id: str | None = None,
        visit: int | None = None,
        version: str | None = None,
        model: str | None = None,
    ) -> str:
        """Begin to do a visit of a run again; calls of tools are answered as they were then.

        Args:
            run_id: The recorded run.
            step_id: Its `call-agent` or `call-llm` step; the last without it.
            visit: Which visit of it; the last without it.
            version: The version of the agent; that of the recorded visit without it.
            model: The model; the agent's or the step's own without it.

        Returns:
            The id of the run that does it, for `replayed`.

        Raises:
            ApiError: The server refused.
            Unanswered: Whether it has begun is unknown.
        """
        call = calls.replay(run_id, step_id, visit, version, model)
        return reading.run_id(self._connection.ask(call))

    def replayed(self, replay_id: str) -> JsonObject:
        """Show what came of a replay beside what it is of.

        Args:
            replay_id: The id that `replay` has given.

        Returns:
            A dict: `status`, `same`, `changes`, and `before` and `after` with `output`, `turns`,
            `calls`, `tokens`, `cost` and `modelMs`.

        Raises:
            ApiError: The server refused: 404 where there is no such replay.
            Unanswered: The server was not reached.
        """
        return self._document(calls.replayed(replay_id))

    def usage(
        self, *, since: str | None = None, until: str | None = None, by: str = "day,model"
    ) -> JsonObject:
        """Show what models were asked for, and what that has cost.

        Args:
            since: The first day (UTC), such as `2026-11-01`; the month's first without it.
            until: The last day; today without it.
            by: By what it is added up: any of `day`, `workflow`, `agent`, `model`, with commas.

        Returns:
            A dict: `total`, and `usage` with a line for each group.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        return self._document(calls.usage(since, until, by))

    def budgets(self) -> list[JsonObject]:
        """List what models may cost in a month.

        Returns:
            A dict for each: `workflowId` (None for the tenant's), `month` and what is `spent`.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        return reading.budgets(self._connection.ask(calls.budgets()))

    def set_budget(self, month: float | None, workflow_id: str | None = None) -> list[JsonObject]:
        """Set what models may cost in a month.

        Args:
            month: The most; None for no budget.
            workflow_id: Of which workflow; the tenant's without it.

        Returns:
            As `budgets`.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        call = calls.set_budget(month, workflow_id)
        return reading.budgets(self._connection.ask(call))

    def _document(self, call: calls.Call) -> JsonObject:
        return reading.document(self._connection.ask(call))
