"""The public names of the client: `Client` for threads, `AsyncClient` for asyncio, and theirs."""

from stepwell import *  # noqa: F403 - which names, `stepwell` alone says
