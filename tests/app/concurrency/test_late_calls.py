"""Calls that are made when something takes too long."""

import asyncio
from functools import partial

from app.concurrency.late_calls import LateCalls


async def test_calls_are_never_early_and_not_made_once_cancelled() -> None:
    calls, loop, came = LateCalls(), asyncio.get_running_loop(), dict[str, float]()
    began_s = loop.time()
    done = asyncio.Event()

    def note(name: str) -> None:
        came[name] = loop.time() - began_s
        if name == "last":
            done.set()

    for number in range(50):
        calls.later(0.1, partial(note, f"taken back {number}")).cancel()
    one, other = (calls.later(0.1, partial(note, name)) for name in ("one", "other"))
    # A due call cancels another one, and can itself no longer be cancelled.
    calls.later(0.02, one.cancel)
    calls.later(0.2, partial(note, "last"))
    calls.later(0.3, other.cancel)
    await asyncio.wait_for(done.wait(), 10)
    assert set(came) == {"other", "last"}
    assert came["other"] >= 0.1
    assert came["last"] >= 0.2
    await asyncio.sleep(0.2)
    assert not calls._due
