"""The public names of the client: `Client` for threads, `AsyncClient` for asyncio, and the rest."""

import stepwell
from stepwell import *  # noqa: F403 - `stepwell` alone decides which names

__all__ = stepwell.__all__
