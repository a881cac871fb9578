"""Connects to the first of several addresses that answers (RFC 8305).

A host may have an address that nothing answers at, often that of the other IP version. The next
address is tried a moment later, and not when the first one has taken all the time there is.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from itertools import chain, zip_longest
from typing import Any, Protocol, TypeAlias, TypeVar

from app.outbound.lookups import Address

_NEXT_AFTER_S = 0.25


class _Stream(Protocol):
    async def aclose(self) -> None: ...


_S = TypeVar("_S", bound=_Stream)
Connect: TypeAlias = Callable[[Address], Coroutine[Any, Any, _S]]


async def first_connection(addresses: Sequence[Address], connect: Connect[_S]) -> _S:
    """Return a connection to one of the addresses. Raises the failure of the last one."""
    if len(addresses) == 1:
        return await connect(addresses[0])
    waiting = _in_turns(addresses)
    tries = list[asyncio.Task[_S]]()
    under_way = set[asyncio.Task[_S]]()
    try:
        while waiting or under_way:
            if waiting:
                tries.append(asyncio.create_task(connect(waiting.pop(0))))
                under_way.add(tries[-1])
            done, under_way = await asyncio.wait(
                under_way,
                timeout=_NEXT_AFTER_S if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for each in done:
                if each.exception() is None:
                    tries.remove(each)
                    return each.result()
        return tries[-1].result()
    finally:
        await _give_up(tries)


def _in_turns(addresses: Sequence[Address]) -> list[Address]:
    """Return them with the two versions of IP in turns, that of the first one first."""
    version = addresses[0].version
    same = [one for one in addresses if one.version == version]
    other = [one for one in addresses if one.version != version]
    return [one for one in chain.from_iterable(zip_longest(same, other)) if one is not None]


async def _give_up(tries: Sequence[asyncio.Task[_S]]) -> None:
    """Stop what still connects, and close what has connected meanwhile."""
    for each in tries:
        each.cancel()
    for each in tries:
        with suppress(asyncio.CancelledError, Exception):
            await (await each).aclose()
