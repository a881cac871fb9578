"""The client for asyncio: schedules, which start runs at set times."""

import builtins

import stepwell._calls as calls
import stepwell._reading as reading
from stepwell._asynchronous.connection import AsyncConnection
from stepwell._documents import JsonObject


class AsyncSchedules:
    """The schedules of the tenant, as JSON documents: `AsyncClient.schedules`.

    Args:
        connection: The connection to the server, made by the client.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def list(self) -> builtins.list[JsonObject]:
        """List schedules, by id.

        Returns:
            A dict for each.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        return reading.documents(await self._connection.ask(calls.triggers("schedules", "GET")))

    async def get(self, schedule_id: str) -> JsonObject:
        """Return a schedule with its next five moments.

        Args:
            schedule_id: The schedule.

        Returns:
            The schedule, a dict; `upcoming` are its moments.

        Raises:
            ApiError: The server refused: 404 if there is no such schedule.
            Unanswered: The server was not reached.
        """
        return await self._document(calls.triggers("schedules", "GET", schedule_id))

    async def put(self, schedule_id: str, document: JsonObject) -> JsonObject:
        """Create or replace a schedule.

        Args:
            schedule_id: The schedule; the id is yours to choose.
            document: `workflowId`, `cron`, `timeZone` and the other keys of a schedule.

        Returns:
            The schedule as it is stored, with its next five moments.

        Raises:
            ApiError: The server refused: 400 names every problem in `details`.
            Unanswered: The server was not reached.
        """
        return await self._document(calls.put_trigger("schedules", schedule_id, document))

    async def pause(self, schedule_id: str) -> JsonObject:
        """Pause a schedule; its moments meanwhile do not count as missed.

        Args:
            schedule_id: The schedule.

        Returns:
            The schedule.

        Raises:
            ApiError: The server refused: 404 if there is no such schedule.
            Unanswered: The server was not reached.
        """
        return await self._document(calls.triggers("schedules", "POST", schedule_id, "pause"))

    async def resume(self, schedule_id: str) -> JsonObject:
        """Resume a schedule, from now.

        Args:
            schedule_id: The schedule.

        Returns:
            The schedule.

        Raises:
            ApiError: The server refused: 404 if there is no such schedule.
            Unanswered: The server was not reached.
        """
        return await self._document(calls.triggers("schedules", "POST", schedule_id, "resume"))

    async def delete(self, schedule_id: str) -> None:
        """Delete a schedule; runs that it started continue.

        Args:
            schedule_id: The schedule.

        Raises:
            ApiError: The server refused: 404 if there is no such schedule, also if
                an earlier request, whose answer was lost, has deleted it.
            Unanswered: The server was not reached.
        """
        await self._document(calls.triggers("schedules", "DELETE", schedule_id))

    async def firings(self, schedule_id: str) -> builtins.list[JsonObject]:
        """List the results of a schedule's newest moments, newest first.

        Args:
            schedule_id: The schedule.

        Returns:
            A dict for each: `key` is the moment, `outcome` the result, `runId` the run.

        Raises:
            ApiError: The server refused: 404 if there is no such schedule.
            Unanswered: The server was not reached.
        """
        found = await self._document(calls.triggers("schedules", "GET", schedule_id, "firings"))
        return reading.documents(found["firings"])

    async def _document(self, call: calls.Call) -> JsonObject:
        return reading.document(await self._connection.ask(call))
