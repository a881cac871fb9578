"""Work in the background that ends by a fault is logged and begun again."""

import asyncio
from functools import partial
from typing import Any

import pytest

from app.telemetry import log
from app.telemetry.background_work import kept_up


async def test_work_that_fails_is_logged_by_name_and_begun_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logged: list[tuple[str, str]] = []
    monkeypatch.setattr(log, "background_failed", lambda work, why: logged.append((work, str(why))))
    begun: list[str] = []

    async def sweep(what: str) -> None:
        begun.append(what)
        if len(begun) < 3:
            raise RuntimeError(f"fault {len(begun)}")

    await kept_up(partial(sweep, "timers"), pause_s=0)
    assert begun == ["timers"] * 3
    assert [why for _, why in logged] == ["fault 1", "fault 2"]
    assert logged[0][0].endswith("sweep")


async def test_work_that_is_cancelled_ends() -> None:
    async def waits(*_: Any) -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(kept_up(waits))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
