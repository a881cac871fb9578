"""The public names of the client: `Client` for threads, `AsyncClient` for asyncio, and theirs."""

import stepwell
from stepwell import *  # noqa: F403 - which names, `stepwell` alone says

__all__ = stepwell.__all__
