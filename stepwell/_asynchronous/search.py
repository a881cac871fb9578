"""The one search over everything of a tenant."""

import stepwell._calls as calls
import stepwell._reading as reading
from stepwell._asynchronous.connection import AsyncConnection
from stepwell._documents import JsonObject


class AsyncSearch:
    """The part of a client that searches."""

    _connection: AsyncConnection

    async def search(self, words: str, *, limit: int = 10) -> JsonObject:
        """Search workflows and agents by name, and runs by title, label, id or their input.

        Args:
            words: 1 to 200 characters; each word may be the beginning of one.
            limit: The most of each kind, 1 to 100.

        Returns:
            A dict with the lists `workflows`, `agents` and `runs`, and in `more` the names of
            those lists that were cut off.

        Raises:
            ApiError: The server refused: 400 for a text of another length.
            Unanswered: The server was not reached.
        """
        query = {"q": words, "limit": str(limit)}
        call = calls.plain("GET", "/api/search", None, query)
        return reading.document(await self._connection.ask(call))
