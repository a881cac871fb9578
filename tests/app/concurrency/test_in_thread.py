"""Threads for short work are shared fairly among tenants."""

import asyncio
import io
import threading

import pytest

from app.concurrency.in_thread import THREADS, in_thread
from app.concurrency.tenant import work_for
from app.files.spool import Spool


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


class _SlowDisk(Spool):
    """A file on a disk that hangs until `disk` is set."""

    def __init__(self, disk: threading.Event) -> None:
        super().__init__(io.BytesIO())
        self._disk = disk

    def store(self, sha256: str) -> None:
        self._disk.wait()

    def let_go(self) -> None:
        self.file.close()


async def _kept(tenant: str, disk: threading.Event) -> str:
    work_for(tenant)
    return await _SlowDisk(disk).keep()


async def test_files_of_a_tenant_on_a_hanging_disk_leave_threads_for_others() -> None:
    disk = threading.Event()
    hanging = [asyncio.create_task(_kept("slow", disk)) for _ in range(20 * THREADS)]
    await asyncio.sleep(0.05)
    try:
        assert await asyncio.wait_for(_of("quick", None), 20) == "quick"
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "library"), 20) == "library"
    finally:
        disk.set()
    assert len({*await asyncio.gather(*hanging)}) == 1
