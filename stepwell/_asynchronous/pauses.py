"""The client for asyncio: pauses that wait for people."""

from collections.abc import AsyncIterator
from typing import Literal

import stepwell._pause_calls as pause_calls
import stepwell._reading as reading
from stepwell._asynchronous.connection import AsyncConnection
from stepwell._documents import JsonObject, OpenPause


class AsyncPauses:
    """The pauses that wait for people, as in the inbox: `AsyncClient.pauses`.

    Args:
        connection: The connection to the server, made by the client.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def open(
        self,
        whose: Literal["all", "mine", "groups"] = "all",
        *,
        workflow_id: str | None = None,
        text: str | None = None,
    ) -> AsyncIterator[OpenPause]:
        """List the open pauses, the nearest deadline first, then the newest.

        Args:
            whose: All that the caller may see, those that name the caller, or one of their groups.
            workflow_id: Only of runs of this workflow.
            text: Only those whose title or labels, or what they say and show, have these words.

        Yields:
            The pauses, one after the other.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        cursor = None
        while True:
            asked = pause_calls.open_pauses(whose, workflow_id, text, cursor)
            page, cursor = reading.open_pauses(await self._connection.ask(asked))
            for pause in page:
                yield pause
            if cursor is None:
                return

    async def link(
        self,
        run_id: str,
        *,
        name: str | None = None,
        expires_in: str | None = None,
        pause_id: str | None = None,
    ) -> JsonObject:
        """Make a link with which somebody without an account can answer a pause, once.

        Args:
            run_id: The run that waits.
            name: For whom it is; the history names them so.
            expires_in: How long it is valid, such as `1d`; default: a week.
            pause_id: The pause; default: the open one.

        Returns:
            The link as `url`, and `runId`, `stepId`, `visit` and `expiresAt`.

        Raises:
            ApiError: The server refused: 400 if the question has to know who answers, 409 if the
                run waits for nobody, or in another pause than `pause_id`.
            Unanswered: The server was not reached.
        """
        asked = pause_calls.link(run_id, name, expires_in, pause_id)
        return reading.link(await self._connection.ask(asked))
