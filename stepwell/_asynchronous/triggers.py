"""The client for asyncio: triggers (requests, forms and ends of runs that start runs)."""

import builtins
from dataclasses import replace
from urllib.parse import quote

import stepwell._calls as calls
import stepwell._reading as reading
from stepwell._asynchronous.connection import AsyncConnection
from stepwell._documents import JsonObject


class AsyncTriggers:
    """The triggers of the tenant, as JSON documents: `AsyncClient.triggers`.

    Args:
        connection: The connection to the server, made by the client.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def list(self) -> builtins.list[JsonObject]:
        """List triggers, by id.

        Returns:
            A dict for each.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        return reading.documents(await self._connection.ask(calls.triggers("triggers", "GET")))

    async def get(self, trigger_id: str) -> JsonObject:
        """Return a trigger.

        Args:
            trigger_id: The trigger.

        Returns:
            The trigger, a dict; `url` is its address.

        Raises:
            ApiError: The server refused: 404 if there is no such trigger.
            Unanswered: The server was not reached.
        """
        return await self._document(calls.triggers("triggers", "GET", trigger_id))

    async def put(self, trigger_id: str, document: JsonObject) -> JsonObject:
        """Create or replace a trigger; its address stays the same.

        Args:
            trigger_id: The trigger; the id is yours to choose.
            document: `workflowId` or `signal`, `verify`, and the other keys of a trigger; `on`
                makes it a trigger for a form or for ends of runs.

        Returns:
            The trigger as it is stored, with its address.

        Raises:
            ApiError: The server refused: 400 names every problem in `details`.
            Unanswered: The server was not reached.
        """
        return await self._document(calls.put_trigger("triggers", trigger_id, document))

    async def pause(self, trigger_id: str) -> JsonObject:
        """Pause a trigger; requests meanwhile start nothing.

        Args:
            trigger_id: The trigger.

        Returns:
            The trigger.

        Raises:
            ApiError: The server refused: 404 if there is no such trigger.
            Unanswered: The server was not reached.
        """
        return await self._document(calls.triggers("triggers", "POST", trigger_id, "pause"))

    async def resume(self, trigger_id: str) -> JsonObject:
        """Resume a trigger, or open a form.

        Args:
            trigger_id: The trigger.

        Returns:
            The trigger.

        Raises:
            ApiError: The server refused: 404 if there is no such trigger.
            Unanswered: The server was not reached.
        """
        return await self._document(calls.triggers("triggers", "POST", trigger_id, "resume"))

    async def rotate(self, trigger_id: str) -> JsonObject:
        """Give a trigger a new address; the old one stops working.

        The request is not repeated if its answer is lost: get the trigger then.

        Args:
            trigger_id: The trigger.

        Returns:
            The trigger, with its new address.

        Raises:
            ApiError: The server refused: 404 if there is no such trigger.
            Unanswered: The server was not reached.
        """
        call = replace(calls.triggers("triggers", "POST", trigger_id, "rotate"), repeatable=False)
        return await self._document(call)

    async def delete(self, trigger_id: str) -> None:
        """Delete a trigger with its requests; runs that it started continue.

        Args:
            trigger_id: The trigger.

        Raises:
            ApiError: The server refused: 404 if there is no such trigger, also if
                an earlier request, whose answer was lost, has deleted it.
            Unanswered: The server was not reached.
        """
        await self._document(calls.triggers("triggers", "DELETE", trigger_id))

    async def firings(self, trigger_id: str) -> builtins.list[JsonObject]:
        """List the results of a trigger's newest requests or ends of runs, newest first.

        Args:
            trigger_id: The trigger.

        Returns:
            A dict for each: `key` is the request or the run that has ended, `outcome` the
            result, `runId` the run that was started.

        Raises:
            ApiError: The server refused: 404 if there is no such trigger.
            Unanswered: The server was not reached.
        """
        found = await self._document(calls.triggers("triggers", "GET", trigger_id, "firings"))
        return reading.documents(found["firings"])

    async def request(self, trigger_id: str, key: str) -> JsonObject:
        """Return one of a trigger's newest requests.

        Args:
            trigger_id: The trigger.
            key: Which of its requests, as `firings` names it.

        Returns:
            The request, a dict: `method`, `query`, `headers`, `body`, and its result.

        Raises:
            ApiError: The server refused: 404 if there is no such trigger.
            Unanswered: The server was not reached.
        """
        verb = f"firings/{quote(key, safe='')}"
        return await self._document(calls.triggers("triggers", "GET", trigger_id, verb))

    async def replay(self, trigger_id: str, key: str) -> JsonObject:
        """Handle one of a trigger's newest requests again, as if it came now.

        The request is not repeated if its answer is lost, since it starts a run each time.

        Args:
            trigger_id: The trigger.
            key: Which of its requests, as `firings` names it.

        Returns:
            The result, a dict: `requestId`, `runId`.

        Raises:
            ApiError: The server refused: 404 if there is no such trigger.
            Unanswered: The server was not reached.
        """
        verb = f"firings/{quote(key, safe='')}/replay"
        call = replace(calls.triggers("triggers", "POST", trigger_id, verb), repeatable=False)
        return await self._document(call)

    async def _document(self, call: calls.Call) -> JsonObject:
        return reading.document(await self._connection.ask(call))
