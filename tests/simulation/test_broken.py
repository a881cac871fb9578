"""The simulation can see: each server that is broken on purpose is found out."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from app.execution.children import Children
from app.execution.driver import Driver
from app.execution.live_run import InFlight, LiveRun
from app.execution.live_runs import LiveRuns
from app.execution.recovery import Recovery
from app.execution.runs import Runs
from app.execution.timers import Timers
from app.execution.waiters import Waiters
from journal.writer import Writer
from tests.simulation.simulate import simulate
from tests.simulation.workflows import stored

Break = Callable[[pytest.MonkeyPatch], None]


class _NoLock:
    """Keeps nobody out."""

    async def __aenter__(self) -> None:
        await asyncio.sleep(0)

    async def __aexit__(self, *_: object) -> None:
        pass


def answers_before_the_append(patch: pytest.MonkeyPatch) -> None:
    async def at_once(self: Writer, item: Any) -> None:
        self._queue.put_nowait(item)

    patch.setattr(Writer, "_submit", at_once)


def wakes_waiters_before_the_append(patch: pytest.MonkeyPatch) -> None:
    take = Driver.take

    def early(self: Driver, live: LiveRun, happened: Any) -> None:
        take(self, live, happened)
        self._watcher(live, [])

    patch.setattr(Driver, "take", early)


def acts_before_its_start_is_durable(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Driver, "_acts", lambda *_: False)


def locks_nothing(patch: pytest.MonkeyPatch) -> None:
    make = LiveRun.__init__

    def without(self: LiveRun, *given: Any, **named: Any) -> None:
        make(self, *given, **named)
        self.lock = _NoLock()  # type: ignore[assignment]

    patch.setattr(LiveRun, "__init__", without)


def holds_several_copies(patch: pytest.MonkeyPatch) -> None:
    load = LiveRuns.load

    def apart(self: LiveRuns, tenant: str | None, run_id: str) -> Any:
        return load(LiveRuns(self._journal, self._definition_of), tenant, run_id)

    patch.setattr(LiveRuns, "load", apart)


def picks_up_nothing(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> None:
        pass

    patch.setattr(Recovery, "_pick_up", nothing)


def leaves_children_running(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Children, "leave", lambda *_: None)


def lets_a_step_go_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(InFlight, "stop", lambda *_: None)
    patch.setattr(InFlight, "abandon", lambda *_: None)


def tells_no_parent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Runs, "kick", lambda *_: None)


def forgets_timers(patch: pytest.MonkeyPatch) -> None:
    async def nothing(_: Timers) -> bool:
        return False

    patch.setattr(Timers, "_fire_due", nothing)


def keeps_runs_in_memory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LiveRuns, "release", lambda *_: None)


def wakes_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Waiters, "look", lambda *_: None)


def goes_on_from_what_is_not_recorded(patch: pytest.MonkeyPatch) -> None:
    async def keep(self: Driver, live: LiveRun, recorded: Any) -> None:
        async with live.lock:
            self.take(live, recorded)

    patch.setattr(Driver, "keep", keep)


def starts_children_one_by_one(patch: pytest.MonkeyPatch) -> None:
    async def one_by_one(self: Driver, lives: Sequence[LiveRun]) -> None:
        for live in reversed(lives):
            await self.flush(live)

    patch.setattr(Driver, "start_together", one_by_one)


def applies_twice(patch: pytest.MonkeyPatch) -> None:
    happen = Driver.happen

    async def twice(self: Driver, live: LiveRun, happened: Any) -> None:
        await happen(self, live, happened)
        live.pending.extend(live.pending[-1:])

    patch.setattr(Driver, "happen", twice)


@pytest.mark.parametrize("breaks", [
    answers_before_the_append, wakes_waiters_before_the_append, acts_before_its_start_is_durable,
    locks_nothing, holds_several_copies, picks_up_nothing, leaves_children_running,
    lets_a_step_go_on, tells_no_parent, forgets_timers, keeps_runs_in_memory, wakes_nobody,
    goes_on_from_what_is_not_recorded, starts_children_one_by_one, applies_twice,
])  # fmt: skip
def test_a_broken_server_is_found_out(breaks: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    stored()  # by a server that works
    breaks(monkeypatch)
    for seed in range(400):
        if failure := simulate(seed).failure:
            print(f"{breaks.__name__}: seed {seed}: {failure}")
            return
    pytest.fail(f"a server that {breaks.__name__} was not found out")
