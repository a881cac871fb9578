"""Calls that are made when something takes too long."""

import asyncio
from functools import partial

from app.concurrency.late_calls import LateCalls


async def test_calls_are_never_early_and_not_made_once_cancelled() -> None:
    calls, loop, came = LateCalls(), asyncio.get_running_loop(), list[str]()
    done = asyncio.Event()

    def note(name: str) -> None:
        came.append(name)
        if name == "last":
            done.set()

    for moment_s in (0.1, 0.2):  # the loop calls what is due in the order of its moments
        loop.call_later(moment_s, note, f"{moment_s} s are over")
    for number in range(50):
        calls.later(0.1, partial(note, f"taken back {number}")).cancel()
    one, other = (calls.later(0.1, partial(note, name)) for name in ("one", "other"))
    # A due call cancels another one, and can itself no longer be cancelled.
    calls.later(0.02, one.cancel)
    calls.later(0.2, partial(note, "last"))
    calls.later(0.3, other.cancel)
    await asyncio.wait_for(done.wait(), 10)
    assert sorted(came) == ["0.1 s are over", "0.2 s are over", "last", "other"]
    assert came.index("0.1 s are over") < came.index("other")
    assert came.index("0.2 s are over") < came.index("last")
    await asyncio.sleep(0.2)
    assert not calls._due
