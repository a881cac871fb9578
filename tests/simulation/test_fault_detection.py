"""The simulation detects faults: each deliberately broken server causes the expected violation."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.execution.commands.runs import Runs
from app.execution.driving.driving import Driving
from app.execution.driving.step_life import StepLife
from app.execution.live.appends import Appends
from app.execution.live.live_run import InFlight, LiveRun
from app.execution.live.live_runs import LiveRuns
from app.execution.live.waiters import Waiters
from app.execution.recovery.left_children import LeftChildren
from app.execution.recovery.recovery import Recovery
from app.execution.waking.places import Places
from app.execution.waking.timers import Timers
from engine import advance
from journal.histories.events import RunAppend
from journal.writing.writer import Writer
from tests.simulation import clients
from tests.simulation.loop import Stuck
from tests.simulation.observer import Violation
from tests.simulation.simulate import simulate
from tests.simulation.workflows import stored

Break = Callable[[pytest.MonkeyPatch], None]

_SEEDS = 1_200
_SLIP = re.compile(r"\b(Attribute|Index|Key|Name|Type|UnboundLocal|Value)Error\(")
"""Errors of a patch that is itself faulty; they prove nothing about the server."""


class _NoLock:
    """A lock that excludes nobody."""

    def take(self, then: Callable[[], None]) -> None:
        then()

    def release(self) -> None:
        pass

    async def __aenter__(self) -> None:
        await asyncio.sleep(0)

    async def __aexit__(self, *_: object) -> None:
        pass


def answers_before_the_append(patch: pytest.MonkeyPatch) -> None:
    submit = Writer.submit

    def at_once(self: Writer, item: Any) -> None:
        if not isinstance(item, RunAppend):
            submit(self, item)
            return
        submit(self, replace(item, then=lambda _: None))
        item.settle(None)

    patch.setattr(Writer, "submit", at_once)


def wakes_waiters_before_the_append(patch: pytest.MonkeyPatch) -> None:
    take = Appends.take

    def early(self: Appends, live: LiveRun, happened: Any) -> None:
        take(self, live, happened)
        for _, heard in self.on_append:
            heard(live, live.pending)

    patch.setattr(Appends, "take", early)


def acts_before_its_start_is_durable(patch: pytest.MonkeyPatch) -> None:
    made = StepLife.attempt

    def at_once(self: StepLife, live: LiveRun, doing: Any) -> Any:
        attempt = made(self, live, doing)
        attempt.acts = False
        return attempt

    patch.setattr(StepLife, "attempt", at_once)


def locks_nothing(patch: pytest.MonkeyPatch) -> None:
    make = LiveRun.__init__

    def without(self: LiveRun, *given: Any, **named: Any) -> None:
        make(self, *given, **named)
        self.lock = _NoLock()  # type: ignore[assignment] # broken on purpose

    patch.setattr(LiveRun, "__init__", without)


def holds_several_copies(patch: pytest.MonkeyPatch) -> None:
    load = LiveRuns.load

    def apart(self: LiveRuns, tenant: str | None, run_id: str) -> Any:
        return load(LiveRuns(self._journal, self._definition_of, 10_000, 10**9), tenant, run_id)

    patch.setattr(LiveRuns, "load", apart)


def picks_up_nothing(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object, **_named: object) -> None:
        pass

    patch.setattr(Recovery, "_pick_up", nothing)


def leaves_children_running(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LeftChildren, "leave", lambda *_: None)


def leaves_nobody_to_go_on(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> None:
        pass

    patch.setattr(Runs, "detach", nothing)


def lets_a_step_go_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(InFlight, "stop", lambda *_: None)
    patch.setattr(InFlight, "abandon", lambda *_: None)


def tells_no_parent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Driving, "notify", lambda *_: None)


def forgets_timers(patch: pytest.MonkeyPatch) -> None:
    async def nothing(self: Timers, now_ms: int) -> None:
        pass

    patch.setattr(Timers, "_fire_due", nothing)


def keeps_runs_in_memory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LiveRuns, "release", lambda *_: None)


def wakes_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Waiters, "resolve", lambda *_: None)


def goes_on_from_what_is_not_recorded(patch: pytest.MonkeyPatch) -> None:
    async def keep(self: Appends, live: LiveRun, recorded: Any, beside: Any = None) -> None:
        async with live.lock:
            self.take(live, recorded)

    patch.setattr(Appends, "keep", keep)


def applies_twice(patch: pytest.MonkeyPatch) -> None:
    take = Appends.take

    def twice(self: Appends, live: LiveRun, happened: Any) -> None:
        take(self, live, happened)
        live.pending.extend(live.pending[-1:])

    patch.setattr(Appends, "take", twice)


def takes_signals_by_themselves(patch: pytest.MonkeyPatch) -> None:
    append = Appends.append

    async def apart(self: Appends, live: LiveRun, beside: Any = None) -> None:
        await append(self, live)
        if beside:
            await self._journal._writer.write(beside)

    patch.setattr(Appends, "append", apart)


def counts_nobody(patch: pytest.MonkeyPatch) -> None:
    served = Places._is_served

    async def always(self: Places, key: Any, run_id: str, _: int) -> bool:
        return await served(self, key, run_id, 0)

    patch.setattr(Places, "_is_served", always)


def ends_without_finally(patch: pytest.MonkeyPatch) -> None:
    end = advance._end

    def early(run: Any, graph: Any, ending: Any, now_ms: int) -> Any:
        return end(run, replace(graph, at_end=None), ending, now_ms)

    patch.setattr(advance, "_end", early)


NO_REST = r"^no rest after \d+ s of peace: "

VIOLATIONS: dict[Break, str] = {
    answers_before_the_append: r"(was shown event \d+ of \S+|acted) before it(s start)? was on disk$",
    wakes_waiters_before_the_append: r"was shown event \d+ of \S+ before it was on disk$",
    acts_before_its_start_is_durable: r"acted before its start was on disk$",
    locks_nothing: r"^the row of \S+ is not its fold: ",
    holds_several_copies: r"got Conflict\('event \d+ of run \S+ exists already'\)$",
    picks_up_nothing: NO_REST + r"\S+ is executing in ",
    leaves_children_running: NO_REST + r"\S+ continues though \S+ does not wait for it$",
    leaves_nobody_to_go_on: NO_REST + r"\S+ is awaiting in ",
    lets_a_step_go_on: r"went on for long after it was asked to stop$",
    tells_no_parent: NO_REST + r"\S+ is awaiting in ",
    forgets_timers: NO_REST + r"\S+ is (backing_off|sleeping) in ",
    keeps_runs_in_memory: NO_REST + r"in memory: \(\{'dynamic-workflow-\d+': LiveRun",
    wakes_nobody: r"^nobody told who waited for \S+ that it had ended or paused$",
    goes_on_from_what_is_not_recorded: r"continues from record \S+=\d+: \[\]$",
    takes_signals_by_themselves: r"takes token-\d+, as \S+ has done$",
    counts_nobody: r"^2 runs are under way, and 1 may be$",
    ends_without_finally: r"has ended without its finally: ",
    applies_twice: r"StepStarted is not legal in state executing$",
}
"""The violation that each patch must cause."""

MOSTLY: dict[Break, tuple[str, ...]] = {
    leaves_children_running: ("leaves", "vote"),
    leaves_nobody_to_go_on: ("leaves",),
    lets_a_step_go_on: ("hang",),
    takes_signals_by_themselves: ("waits", "gathers"),
    counts_nobody: ("limited-queue", "pooled"),
}
"""The workflows to start if among all of them a violation would be rare, and its search long."""


def find(violation: str) -> str:
    """Return the first violation of this kind in any world; other kinds are skipped."""
    others = Counter[str]()
    for seed in range(_SEEDS):
        failure = simulate(seed).failure
        if failure is None:
            continue
        assert isinstance(failure, Violation | Stuck), f"seed {seed}: {failure!r}"
        assert not _SLIP.search(str(failure)), f"the breaking itself fails: {failure}"
        if re.search(violation, str(failure)):
            return f"seed {seed}: {failure}"
        others[re.sub(r"\d+", "N", str(failure))[:100]] += 1
    pytest.fail(f"no world shows {violation}; others: {others.most_common(5)}")


@pytest.mark.parametrize("breaks", VIOLATIONS)
def test_a_broken_server_is_detected(breaks: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    stored()  # by an intact server
    if breaks in MOSTLY:
        monkeypatch.setattr(clients, "MEETING", MOSTLY[breaks])
        monkeypatch.setattr(clients, "STARTED", MOSTLY[breaks] * 4)
    breaks(monkeypatch)
    print(f"{breaks.__name__}: {find(VIOLATIONS[breaks])}")


def test_a_patch_that_fails_by_itself_detects_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stored()
    monkeypatch.setattr(Timers, "_fire_due", lambda too_few: None)
    with pytest.raises(AssertionError, match=r"the breaking itself fails: .*TypeError"):
        find(VIOLATIONS[forgets_timers])
