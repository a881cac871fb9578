"""Detection of a step that blocks the event loop."""

import asyncio
import sys
from contextvars import copy_context

import pytest
import uvloop
from structlog.testing import capture_logs

from app.concurrency.first_go import FirstGo
from app.telemetry.at_work import AtWork, at_work, task_of_step
from app.telemetry.blocked_step import BlockedStep


class Watch:
    """A watch that samples every second and ends the step after ten."""

    def __init__(self, limit_s: float = 10) -> None:
        self.ended: list[AtWork] = []
        self.blocked = BlockedStep(limit_s, 1, self.ended.append)

    def looks(self, count: int, step_id: str | None, **more: bool) -> list[str]:
        """Sample `count` times while the loop is blocked by a step; return the lines of the log."""

        async def look() -> None:
            if step_id is None:
                frame = sys._getframe()
                for _ in range(count):
                    self.blocked.stands(frame)
                return

            def stand() -> None:
                if more.get("debugged"):
                    sys._getframe().f_trace = lambda *_: None
                for _ in range(count):
                    self.blocked.stands(sys._getframe())

            if more.get("first_go"):

                async def step() -> None:
                    with at_work("run-1", step_id, "t"):
                        stand()

                FirstGo[None](copy_context()).start(step())
                return
            with at_work("run-1", step_id, "t"):
                asyncio.get_running_loop().call_soon(stand)
            await asyncio.sleep(0)

        with capture_logs() as lines:
            asyncio.run(look())
        return [f"{line['log_level']} {line['step']} {line['tool']}" for line in lines]


def test_a_blocking_step_is_logged_once_and_ended_at_the_limit() -> None:
    watch = Watch()
    assert watch.looks(1, "a") == []
    assert watch.looks(8, "a") == ["warning a t"]
    assert watch.ended == []
    assert watch.looks(1, "a") == ["critical a t"]
    assert watch.ended == [AtWork("run-1", "a")]
    assert watch.ended[0].tool == "t"


@pytest.mark.parametrize("between", ["turned", "b", None])
def test_a_free_loop_or_another_step_restarts_the_count(between: str | None) -> None:
    watch = Watch()
    watch.looks(9, "a")
    if between == "turned":
        watch.blocked.turned()
    else:
        watch.looks(1, between)
    watch.looks(9, "a")
    assert watch.ended == []


def test_a_step_is_identified_also_in_its_eager_first_part() -> None:
    watch = Watch()
    assert watch.looks(9, "a", first_go=True) == ["warning a t"]


def test_a_task_of_a_step_is_identified_on_uvloop() -> None:
    watch = Watch()

    async def deep() -> None:
        for _ in range(9):
            watch.blocked.stands(sys._getframe(), asyncio.get_running_loop())

    async def step() -> None:
        with at_work("run-1", "a", "t"):
            task = asyncio.create_task(deep())
        await task
        await asyncio.create_task(deep())  # belongs to no step

    async def begin() -> None:
        asyncio.get_running_loop().set_task_factory(task_of_step)
        await step()

    with capture_logs() as lines:
        uvloop.run(begin())
    assert [line["step"] for line in lines] == ["a"]


def test_without_a_limit_a_step_is_logged_and_never_ended() -> None:
    watch = Watch(limit_s=0)
    assert watch.looks(1_000, "a") == ["warning a t"]
    assert watch.ended == []


def test_code_under_a_debugger_or_outside_a_step_is_never_ended() -> None:
    watch = Watch()
    assert watch.looks(100, "a", debugged=True) == ["warning a t"]
    assert watch.looks(100, None) == []
    assert watch.ended == []
