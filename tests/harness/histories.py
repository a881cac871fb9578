"""Writes histories to a journal and waits until they are durable."""

import asyncio
from collections.abc import Sequence
from typing import Any

from engine import Event, Run
from journal import Head, IdempotencyKey, Journal


def _told() -> tuple[asyncio.Future[Head], Any]:
    done: asyncio.Future[Head] = asyncio.get_running_loop().create_future()

    def reported(answer: Head | BaseException) -> None:
        if done.done():
            return
        if isinstance(answer, BaseException):
            done.set_exception(answer)
        else:
            done.set_result(answer)

    return done, reported


async def start_run(
    journal: Journal,
    tenant: str,
    run: Run,
    events: Sequence[Event],
    *,
    idempotency: IdempotencyKey | None = None,
) -> Head:
    """Write the first events of a run; durable on return. Raises the journal's error."""
    done, reported = _told()
    journal.events.start(tenant, run, events, reported, idempotency=idempotency)
    return await done


async def append_events(journal: Journal, head: Head, events: Sequence[Event], run: Run) -> Head:
    """Append events; durable on return. Raises the journal's error."""
    done, reported = _told()
    journal.events.append(head, events, run, reported)
    return await done
