"""Resolves host names in separate threads, of which each tenant has its share.

The system's resolver may take any time for a name that no server answers for, and cannot be
stopped. So lookups have threads that nothing else needs, and a thread counts against its tenant
until the resolver returns.
"""

import asyncio
import contextlib
import socket
import threading
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

from app.concurrency.fair_queue import FairQueue

Address: TypeAlias = IPv4Address | IPv6Address

MOST = 32
"""Lookups at once."""

asking: ContextVar[str] = ContextVar("asking", default="")
"""The tenant for whom the current task makes requests; empty for the server itself."""


class Lookups:
    """Resolves names for all tenants."""

    def __init__(self, most: int = MOST) -> None:
        self._turns = FairQueue(most)

    @property
    def under_way(self) -> int:
        """How many lookups are running in a thread."""
        return self._turns.total

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Return every address of a host, in the system's order.

        Raises:
            httpcore2.ConnectError: The host has no address, or the lookup failed.
        """
        with contextlib.suppress(ValueError):
            return [ip_address(host)]
        tenant = asking.get()
        await self._turns.wait(tenant, 1)
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Address]] = loop.create_future()

        def come_back(addresses: list[Address] | None, failure: Exception | None) -> None:
            self._turns.give(tenant, 1)
            if found.done():
                return  # nobody waits any more
            if failure is not None:
                found.set_exception(failure)
            else:
                found.set_result(addresses or [])

        def work() -> None:
            addresses, failure = _looked_up(host, port)
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(come_back, addresses, failure)

        # Not a thread of an executor: the interpreter waits for those when it ends.
        threading.Thread(target=work, name="lookup", daemon=True).start()
        return await found


def _looked_up(host: str, port: int) -> tuple[list[Address] | None, Exception | None]:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [ip_address(str(row[4][0]).partition("%")[0]) for row in rows], None
    except (OSError, ValueError, OverflowError) as unknown:
        why = unknown.strerror if isinstance(unknown, OSError) else "it is not a valid name"
        import httpcore2

        message = f"the address of {host} cannot be found: {why or unknown}"
        failure = httpcore2.ConnectError(message)
        failure.__cause__ = unknown
        return None, failure
