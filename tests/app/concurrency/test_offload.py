"""Work off the event loop: a piece that blocks is abandoned, and does not block others."""

import asyncio
import threading
from functools import partial

import pytest

from app.concurrency import offload as room
from app.concurrency.offload import OffloadTimeout, offload


async def test_a_piece_that_blocks_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LONGEST_S", 0.1)
    never = threading.Event()
    blocked = asyncio.create_task(offload(never.wait))
    await asyncio.sleep(0)
    monkeypatch.setattr(room, "LONGEST_S", 60.0)
    assert await offload(lambda: 7) == 7
    with pytest.raises(OffloadTimeout, match=r"longer than .* seconds") as late:
        await blocked
    assert "in wait" in "".join(late.value.__notes__)
    never.set()


async def test_work_without_a_waiting_caller_keeps_its_place() -> None:
    ends, order = threading.Event(), list[str]()

    def first_piece() -> None:
        ends.wait()
        order.append("first")

    first = asyncio.create_task(offload(first_piece))
    await asyncio.sleep(0)
    first.cancel()
    second = asyncio.create_task(offload(partial(order.append, "second")))
    await asyncio.sleep(0.05)
    ends.set()
    await second
    assert order == ["first", "second"]
    assert first.cancelled()


def raises(odd: type[BaseException]) -> None:
    raise odd


async def test_an_exception_is_raised_to_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        await offload(lambda: 1 // 0)
    for odd in (SystemExit, StopIteration):
        with pytest.raises(RuntimeError, match=odd.__name__):
            await offload(partial(raises, odd))
