"""Threads for short work are shared fairly among tenants."""

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


async def test_hanging_work_of_a_tenant_leaves_threads_for_others() -> None:
    """Also after its callers have left, since its threads are still occupied."""
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


async def test_an_exception_is_raised_to_the_caller_and_frees_the_place() -> None:
    def fails() -> None:
        raise OSError("why")

    for _ in range(2 * THREADS):
        with pytest.raises(OSError, match="why"):
            await in_thread(fails)
