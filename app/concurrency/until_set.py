"""Wait for an event, but not for ever: whoever looks by itself now and then needs no signal."""

import asyncio
from contextlib import suppress


async def until_set(event: asyncio.Event, within_s: float) -> None:
    """Wait until the event is set, for so many seconds at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()
