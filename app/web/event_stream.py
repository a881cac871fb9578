"""An answer that continues: server-sent events, for as long as the client reads."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from app.events.streams import Streams
from app.telemetry import log
from app.web.connections import abort_of


class EventStream(StreamingResponse):
    """Sends text as it arrives; a client that reads nothing for `stall_s` seconds is dropped."""

    media_type = "text/event-stream"

    def __init__(
        self, text: AsyncGenerator[str, None], streams: Streams, tenant: str, stall_s: float
    ) -> None:
        super().__init__(text, headers={"X-Accel-Buffering": "no"})
        self._text = text
        self._streams = streams
        self._tenant = tenant
        self._stall_s = stall_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the text ends or the client disconnects."""
        abort = abort_of(scope)

        async def bounded(message: Message) -> None:
            try:
                async with asyncio.timeout(self._stall_s):
                    await send(message)
            except TimeoutError:
                log.stream_stalled(scope["path"])
                abort()

        with self._streams.place(self._tenant, abort):
            try:
                await super().__call__(scope, receive, bounded)
            finally:
                await self._text.aclose()
