"""The HTTP client for requests that steps send: checked addresses, answers of limited size."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from app.concurrency.attempt_timeout import waiting_for_turn
from app.concurrency.first_use import loaded
from app.outbound.network import Network
from app.outbound.sink import Sink
from app.outbound.way_out import WayOut
from steps.effects.http_messages import HttpRequest, HttpResponse


class HttpClient:
    """Sends the requests of steps; each tenant has its share of the requests under way.

    The code that sends, and its HTTP library, are loaded beside the loop for the first request.
    """

    def __init__(
        self, allowed: Sequence[Network], way: WayOut | None = None, most: int = 200
    ) -> None:
        self._given = (way or WayOut(), allowed, most)
        self._opening = asyncio.Lock()
        self._sending: Any = None

    async def send(
        self, wanted: HttpRequest, tenant: str = "", sink: Sink | None = None
    ) -> HttpResponse:
        """Send one request, once the tenant has its turn.

        Raises:
            ResponseUnreadable: An answer came, but its body cannot be read.
            StepBroke: No answer came, or the request cannot be sent.
        """
        if self._sending is None:
            await self._open()
        answer: HttpResponse = await self._sending.send(wanted, tenant, sink)
        return answer

    async def close(self) -> None:
        """Close every connection."""
        if self._sending is not None:
            await self._sending.close()

    async def _open(self) -> None:
        with waiting_for_turn():  # nothing can be sent yet
            async with self._opening:
                if self._sending is None:
                    self._sending = await loaded(partial(_opened, *self._given))


def _opened(way: WayOut, allowed: Sequence[Network], most: int) -> Any:
    from app.outbound.sending import Sending

    return Sending(way, allowed, most)
