"""The client for asyncio: the caller's own views of the list of runs."""

from collections.abc import AsyncIterator, Mapping, Sequence

import stepwell._reading as reading
import stepwell._view_calls as view_calls
from stepwell._asynchronous.connection import AsyncConnection
from stepwell._documents import JsonObject, RunLine


class AsyncViews:
    """The caller's own views of the list of runs: named filters, order and columns.

    Args:
        connection: The connection to the server, made by the client.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self) -> list[JsonObject]:
        """List the caller's own views by name.

        Returns:
            Views with `name`, `query`, `columns` and `updatedAt`.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        return reading.documents(await self._connection.ask(view_calls.views()))

    async def save(
        self, name: str, query: Mapping[str, str], columns: Sequence[str] = ()
    ) -> JsonObject:
        """Create or replace a view.

        Args:
            name: 1 to 100 characters.
            query: Filters and `sort`, as the list of runs takes them in its address, such as
                `{"status": "failed", "sort": "-endTime"}`.
            columns: What the console shows: `workflow`, `status`, `step`, `started`, `ended`,
                `took`.

        Returns:
            The view.

        Raises:
            ApiError: The server refused: 400 for an unknown filter.
            Unanswered: The server was not reached.
        """
        call = view_calls.save(name, query, columns)
        return reading.document(await self._connection.ask(call))

    async def delete(self, name: str) -> None:
        """Delete a view.

        Args:
            name: Its name.

        Raises:
            ApiError: The server refused: 404 if there is none of that name.
            Unanswered: The server was not reached; whether it was deleted is unknown.
        """
        await self._connection.ask(view_calls.delete(name))

    async def runs(self, query: Mapping[str, str]) -> AsyncIterator[RunLine]:
        """List the runs of a view.

        Args:
            query: The `query` of the view.

        Yields:
            The runs, one after the other.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        cursor = None
        while True:
            page = reading.run_page(await self._connection.ask(view_calls.runs(query, cursor)))
            for line in page.runs:
                yield line
            cursor = page.next_cursor
            if cursor is None:
                return
