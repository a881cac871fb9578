"""Child runs that are not needed any more are asked to stop once, and then forgotten."""

import asyncio
from typing import Any

from app.execution.live.live_run import LiveRun
from app.execution.recovery.left_children import LeftChildren
from engine import Run, RunStarted, RunTerminated, fold


class Runs:
    """Notes which runs are stopped."""

    def __init__(self) -> None:
        self.stopped: list[str] = []

    async def stop(self, run_id: str, *, terminate: bool) -> None:
        self.stopped.append(run_id)


def ended(run_id: str) -> Run:
    return fold([RunStarted(1, run_id, "w", "1.0.0", "end", {}), RunTerminated(2, None, "ada")])


async def test_a_child_is_asked_once_and_only_open_ones_are_remembered() -> None:
    runs: Any = Runs()
    children = LeftChildren(None, runs)  # type: ignore[arg-type] # its parent has not left them
    children.spare("parent", ["a", "b"], go_on=False)
    children.spare("parent", ["a", "b"], go_on=False)
    children.spare("parent", ["b", "c"], go_on=False)  # `a` has ended, at another process perhaps
    await asyncio.sleep(0.05)
    assert sorted(runs.stopped) == ["a", "b", "c"]
    assert children._asked == {"parent": {"b", "c"}}
    live: Any = LiveRun("acme", ended("parent"), None, None)  # type: ignore[arg-type] # unused
    children.appended(live, [])
    assert children._asked == {}
