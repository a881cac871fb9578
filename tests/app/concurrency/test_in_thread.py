"""Threads for short work are shared by tenant."""

import asyncio
import threading

import pytest

from app.concurrency.in_thread import THREADS, in_thread
from app.concurrency.tenant import work_for


async def _of(tenant: str, work: "threading.Event | None") -> str:
    work_for(tenant)
    if work is not None:
        await in_thread(work.wait)
    return await in_thread(lambda: tenant)


async def test_work_that_hangs_keeps_no_other_tenant_from_a_thread() -> None:
    """Not when those who asked for it are gone either: its threads are still busy."""
    disk = threading.Event()
    hanging = [asyncio.create_task(_of("slow", disk)) for _ in range(4 * THREADS)]
    await asyncio.sleep(0.05)
    for task in hanging[:2]:
        task.cancel()
    try:
        assert await asyncio.wait_for(_of("quick", None), 20) == "quick"
    finally:
        disk.set()
    assert await asyncio.gather(*hanging[2:]) == ["slow"] * (4 * THREADS - 2)


async def test_what_work_raises_comes_back_and_gives_its_turn_back() -> None:
    def fails() -> None:
        raise OSError("why")

    for _ in range(2 * THREADS):
        with pytest.raises(OSError, match="why"):
            await in_thread(fails)
