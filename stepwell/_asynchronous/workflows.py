"""The client for asyncio: the calls about workflow definitions."""

import builtins
from typing import Literal

import stepwell._calls as calls
import stepwell._reading as reading
import stepwell._repair_calls as repair_calls
from stepwell._asynchronous.connection import AsyncConnection
from stepwell._documents import JsonObject
from stepwell._workflow_documents import Workflow, WorkflowStatus, WorkflowSummary


class AsyncWorkflows:
    """The definitions of the tenant, as JSON documents: `AsyncClient.workflows`.

    Args:
        connection: The connection to the server, made by the client.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def list(
        self,
        *,
        search: str | None = None,
        status: WorkflowStatus | None = None,
        include_archived: bool = False,
        limit: int | None = None,
        offset: int | None = None,
    ) -> builtins.list[WorkflowSummary]:
        """List workflows, the most recently changed first.

        Args:
            search: Only those with this text in their name or description.
            status: Only those with this status.
            include_archived: Archived ones too.
            limit: How many at most.
            offset: How many to skip at the beginning.

        Returns:
            A dict for each.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        query = {
            "search": search,
            "status": status,
            "includeArchived": "true" if include_archived else None,
            "limit": limit,
            "offset": offset,
        }
        return reading.workflows(await self._connection.ask(calls.workflows("GET", query=query)))

    async def get(self, workflow_id: str, version: str | None = None) -> Workflow:
        """Return a version of a workflow.

        Args:
            workflow_id: The workflow.
            version: `latest`, `published` or a number such as `1.0.1`; default: the latest.

        Returns:
            Its definition, a dict.

        Raises:
            ApiError: The server refused: 404 if there is no such version.
            Unanswered: The server was not reached.
        """
        return await self._workflow(calls.workflows("GET", workflow_id, query={"version": version}))

    async def create(self, definition: JsonObject) -> Workflow:
        """Create a workflow.

        Args:
            definition: Its definition; the server chooses an `id` if it has none.

        Returns:
            The definition as it is stored, with its `id` and `version`.

        Raises:
            ApiError: The server refused: 400 names every problem in `details`.
            Unanswered: Whether it was created is unknown: look before you try again.
        """
        return await self._workflow(calls.workflows("POST", json=dict(definition)))

    async def update(self, workflow_id: str, changes: JsonObject) -> Workflow:
        """Store the next version of a workflow.

        Args:
            workflow_id: The workflow.
            changes: Keys of the definition that replace those of the newest version.

        Returns:
            The new version.

        Raises:
            ApiError: The server refused: 400 names every problem in `details`.
            Unanswered: Whether it was stored is unknown: look before you try again.
        """
        return await self._workflow(calls.workflows("PUT", workflow_id, json=dict(changes)))

    async def publish(self, workflow_id: str, version: str | None = None) -> Workflow:
        """Publish a version of a workflow: new runs use it from then on.

        Args:
            workflow_id: The workflow.
            version: Its number, such as `1.0.1`; default: the newest.

        Returns:
            The published version.

        Raises:
            ApiError: The server refused: 404 if there is no such version.
            Unanswered: Whether it was published is unknown: look before you try again.
        """
        body = {"version": version} if version else {}
        return await self._workflow(calls.workflows("POST", workflow_id, "publish", json=body))

    async def statistics(
        self, workflow_id: str, *, period: Literal["24h", "7d", "30d"] = "7d"
    ) -> JsonObject:
        """Return statistics of a workflow's runs.

        Args:
            workflow_id: The workflow.
            period: How far back the start of the counted runs may be.

        Returns:
            `successRate`, `medianDuration` and `p95Duration` in milliseconds, `runs` by status,
            and `steps` with how many runs are in each or failed in it.

        Raises:
            ApiError: The server refused: 404 if there is no such workflow.
            Unanswered: The server was not reached.
        """
        call = repair_calls.statistics(workflow_id, period)
        return reading.statistics(await self._connection.ask(call))

    async def archive(self, workflow_id: str) -> Workflow:
        """Archive a workflow: no new runs can be started with it.

        Args:
            workflow_id: The workflow.

        Returns:
            The newest version, now archived.

        Raises:
            ApiError: The server refused: 404 if there is no such workflow.
            Unanswered: Whether it was archived is unknown: look before you try again.
        """
        return await self._workflow(calls.workflows("DELETE", workflow_id))

    async def _workflow(self, call: calls.Call) -> Workflow:
        return reading.workflow(await self._connection.ask(call))
