"""Tenants share the event loop in proportion to the processor time of their steps."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from itertools import cycle
from typing import Any

import pytest

from app.concurrency.fair_loop import FairLoop


class Computing:
    """Steps of a given processor time, on a clock that only they advance."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.loop = FairLoop(lambda: self.now_s, lambda: self.now_s)
        self.steps: Counter[str] = Counter()
        self.used_s: defaultdict[str, float] = defaultdict(float)

    def compute(self, tenant: str, seconds: float) -> None:
        self.now_s += seconds
        self.steps[tenant] += 1
        self.used_s[tenant] += seconds

    async def work(self, tenant: str, steps: int, seconds: float) -> None:
        for _ in range(steps):
            self.compute(tenant, seconds)
            await asyncio.sleep(0)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Yield to other tasks until the condition holds."""
        while not holds():  # noqa: ASYNC110 - each time the loop comes round
            await asyncio.sleep(0)

    def begin(self, tenant: str, steps: int, seconds: float) -> "asyncio.Future[None]":
        async def turns() -> None:
            await self.loop.run(tenant, self.work(tenant, steps, seconds))

        return asyncio.ensure_future(turns())


async def _gone(*tasks: "asyncio.Future[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(("cost_s", "most"), [(0.003, 3), (0.0005, 6)])
async def test_a_request_waits_for_few_of_sixty_four_busy_tasks(cost_s: float, most: int) -> None:
    work = Computing()
    busy = [work.begin("busy", 10_000, cost_s) for _ in range(64)]
    await work.until(lambda: work.steps["busy"] > 500)
    for _ in range(10):
        before = work.steps["busy"]
        await work.begin("quiet", 3, 0.0001)
        # Each iteration of the loop runs only one slice of the sixty-four ready steps.
        assert (work.steps["busy"] - before) / 4 <= most
    await _gone(*busy)


async def test_tenants_get_equal_processor_time() -> None:
    work = Computing()
    dear = [work.begin("dear", 10_000, 0.002) for _ in range(8)]
    cheap = [work.begin("cheap", 10_000, 0.0002) for _ in range(8)]
    await work.until(lambda: work.now_s > 4)
    await _gone(*dear, *cheap)
    assert work.used_s["cheap"] == pytest.approx(work.used_s["dear"], rel=0.3)


async def test_a_single_tenant_never_queues() -> None:
    work = Computing()
    task = work.begin("alone", 50, 0.01)
    waiting: list[int] = []

    def is_over() -> bool:
        waiting.append(work.loop.waiting)
        return task.done()

    await work.until(is_over)
    assert set(waiting) == {0}


async def _result() -> str:
    await asyncio.sleep(0)
    return "done"


async def _failure() -> str:
    await asyncio.sleep(0)
    raise ValueError("why")


async def test_results_failures_and_cancels_pass_through() -> None:
    work = Computing()
    busy = [work.begin("busy", 10_000, 0.003) for _ in range(8)]
    await asyncio.sleep(0)
    assert await work.loop.run("a", _result()) == "done"
    with pytest.raises(ValueError, match="why"):
        await work.loop.run("a", _failure())
    seen: list[str] = []

    async def held(*, until: Callable[[], bool]) -> None:
        try:
            await work.until(until)
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    asleep = asyncio.ensure_future(_of("busy", work, held(until=lambda: True)))
    in_line = asyncio.ensure_future(_of("busy", work, held(until=lambda: False)))
    await work.until(lambda: work.steps["busy"] > 500)
    await _gone(asleep, in_line)
    assert seen == ["cancelled", "cancelled"]
    await _gone(*busy)
    assert (work.loop.waiting, work.loop._open) == (0, 0)


async def test_slices_are_shorter_while_several_tenants_compute() -> None:
    """A tenant that waits several rounds meets a short slice of others in each."""
    work = Computing()
    busy = [work.begin("busy", 100_000, 0.0001) for _ in range(64)]
    await work.until(lambda: work.steps["busy"] > 1_000)
    before = work.now_s
    for _ in range(20):
        await asyncio.sleep(0)
    alone_s = (work.now_s - before) / 20
    quiet = work.begin("quiet", 1_000, 0.00001)
    await work.until(lambda: work.steps["quiet"] > 1)
    before = work.now_s
    for _ in range(20):
        await asyncio.sleep(0)
    assert (work.now_s - before) / 20 < alone_s / 2
    await _gone(quiet, *busy)
    assert alone_s == pytest.approx(0.001, rel=0.2)


async def test_a_long_wait_earns_no_equally_long_precedence() -> None:
    work = Computing()
    waits = asyncio.Event()

    async def idle() -> None:
        await waits.wait()

    held = asyncio.ensure_future(_of("patient", work, idle()))
    busy = [work.begin("busy", 100_000, 0.001) for _ in range(8)]
    await work.until(lambda: work.used_s["busy"] > 5)
    patient = [work.begin("patient", 100_000, 0.001) for _ in range(8)]
    before = work.used_s["busy"]
    await work.until(lambda: work.used_s["patient"] > 0.5)
    assert work.used_s["busy"] - before > 0.3, "what was saved up is spent before others compute"
    waits.set()
    await _gone(held, *busy, *patient)


@pytest.mark.parametrize("connections", [4, 64])
async def test_what_waited_for_a_thread_does_not_come_before_the_next_request(
    connections: int,
) -> None:
    """While its rows are read, a list computes nothing; then it has many short turns."""
    work = Computing()
    is_read = asyncio.Event()

    async def listed() -> None:
        while True:
            await is_read.wait()
            work.compute("lists", 0.0001)
            await asyncio.sleep(0)

    busy = [asyncio.ensure_future(_of("lists", work, listed())) for _ in range(connections)]
    between_s = list[float]()
    for number in range(400):
        if number % 20 == 10:
            is_read.set()
        elif number % 20 == 0:
            is_read.clear()
        before_s = work.used_s["lists"]
        await work.begin("single", 1, 0.0003)
        between_s.append(work.used_s["lists"] - before_s)
    await _gone(*busy)
    assert sum(between_s) > 0.02, "lists were made, or nothing was proved"
    # What it has used itself, a part of the credit, and a turn or two; 2 ms with all of the credit.
    assert max(between_s) < 0.001


async def test_a_new_tenant_runs_at_once_whatever_others_have_used() -> None:
    work = Computing()
    busy = [work.begin("busy", 100_000, 0.0005) for _ in range(8)]
    await work.until(lambda: work.used_s["busy"] > 0.1)
    for number in range(200):
        if number % 20 == 0:
            busy.append(work.begin("busy", 1, 0.05))  # later steps are expected to be long, too
        await asyncio.sleep(0)
        assert work.loop.may_begin("quiet")
        work.loop.call("quiet", lambda: work.compute("quiet", 0.00001))
        assert work.steps["quiet"] == number + 1, "it has been done at once"
    assert not work.loop.may_begin("busy"), "it is one of many"
    await _gone(*busy)


async def test_a_step_that_was_interrupted_costs_its_tenant_what_it_computed() -> None:
    work = Computing()
    lost_s = 0.0
    work.loop = FairLoop(lambda: work.now_s + lost_s, lambda: work.now_s)
    busy = [work.begin("busy", 100_000, 0.0001) for _ in range(8)]
    await work.until(lambda: work.used_s["busy"] > 0.1)

    async def interrupted() -> None:
        nonlocal lost_s
        lost_s += 1.0
        work.compute("quiet", 0.0001)
        await asyncio.sleep(0)
        work.compute("quiet", 0.0001)

    before = work.steps["busy"]
    await _of("quiet", work, interrupted())
    assert work.steps["busy"] - before < 20, "a second of others is not caught up with"
    await _gone(*busy)


async def test_usage_is_kept_when_a_tenant_leaves_and_returns() -> None:
    work = Computing()
    busy = [work.begin("busy", 100_000, 0.0001) for _ in range(8)]
    await work.until(lambda: work.used_s["busy"] > 0.1)
    before = work.used_s["busy"]
    for _ in range(100):
        await work.begin("again", 1, 0.002)
    assert work.used_s["busy"] - before > 0.1, "what again has had in pieces counts too"
    await _gone(*busy)


async def test_callbacks_run_at_once_until_another_tenant_computes() -> None:
    work = Computing()
    assert work.loop.is_alone("busy")
    quiet = work.begin("quiet", 100_000, 0.0001)
    await work.until(lambda: work.steps["quiet"] > 2)
    assert not work.loop.is_alone("busy")
    for _ in range(600):
        work.loop.call("busy", lambda: work.compute("busy", 0.0001))
    assert work.steps["busy"] < 10, "a slice of them at once"
    for _ in range(20):
        before = work.steps["busy"]
        await asyncio.sleep(0)
        assert work.steps["busy"] - before < 10, "and a slice each time the loop comes round"
    work.loop.soon("rare", lambda: work.compute("rare", 0.0001))
    assert work.steps["rare"] == 0
    before = work.steps["busy"]
    await work.until(lambda: work.steps["rare"] == 1)
    assert work.steps["busy"] - before < 20, "who has computed least comes first"
    await work.until(lambda: work.steps["busy"] == 600)
    await _gone(quiet)
    for _ in range(40):  # others may return within this time
        work.loop.call("busy", lambda: work.compute("busy", 0.0001))
        await asyncio.sleep(0)
    assert work.loop.is_alone("busy")
    assert (work.loop.waiting, work.loop._open) == (0, 0)


async def test_a_failing_callback_does_not_stop_others() -> None:
    work = Computing()
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    def fails() -> None:
        raise ValueError("why")

    work.loop.soon("a", fails)
    work.loop.soon("a", lambda: work.compute("a", 0.0001))
    await work.until(lambda: work.steps["a"] == 1)
    assert [str(context["exception"]) for context in reported] == ["why"]
    assert (work.loop.waiting, work.loop._open) == (0, 0)


async def _of(tenant: str, work: Computing, coroutine: Coroutine[Any, Any, None]) -> None:
    await work.loop.run(tenant, coroutine)


async def test_the_loop_counts_as_shared_for_a_while_after_another_tenant() -> None:
    work = Computing()
    few = [work.begin("busy", 10_000, 0.01) for _ in range(20)]
    await work.until(lambda: work.steps["busy"] > 100)
    assert not work.loop.is_shared, "no other tenant was active yet"
    await work.begin("quiet", 1, 0.0001)
    began_s = work.now_s
    await work.until(lambda: work.now_s > began_s + 30)
    assert work.loop.is_shared, "another one may come any moment"
    await work.until(lambda: work.now_s > began_s + 91)
    assert not work.loop.is_shared
    await _gone(*few)


async def test_queued_callbacks_run_in_turn_and_a_failing_one_blocks_nobody() -> None:
    work = Computing()
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    busy = [work.begin("busy", 10_000, 0.0005) for _ in range(8)]
    await work.until(lambda: work.steps["busy"] > 50)
    done: list[str] = []

    def again() -> None:
        done.append("first")
        work.loop.soon("quiet", lambda: done.append("second"))

    def fails() -> None:
        raise ValueError("odd")

    work.loop.soon("quiet", again)
    work.loop.soon("quiet", fails)
    work.loop.soon("quiet", lambda: done.append("third"))
    before = work.steps["busy"]
    await work.until(lambda: len(done) == 3)
    assert done == ["first", "third", "second"]
    assert [str(one["exception"]) for one in reported] == ["odd"]
    assert work.steps["busy"] - before <= 8
    assert work.loop.waiting < 10
    await _gone(*busy)


async def test_who_uses_less_than_its_share_never_waits_whatever_else_the_loop_does() -> None:
    """Most of what the loop does meanwhile is charged to nobody: commits, reading requests."""
    work = Computing()
    busy = [work.begin("busy", 100_000, 0.0001) for _ in range(8)]
    await work.until(lambda: work.used_s["busy"] > 0.1)
    for number in range(200):
        work.now_s += 0.0005
        await asyncio.sleep(0)
        work.loop.call("quiet", lambda: work.compute("quiet", 0.0003))
        assert work.steps["quiet"] == number + 1, "it has been done at once"
    await _gone(*busy)


async def _dear_now_and_then(work: Computing, costs_s: Iterator[float], *, are_calls: bool) -> None:
    """Compute for so long in each turn; as steps of a coroutine, or as callbacks."""
    for cost_s in costs_s:
        if are_calls:
            work.loop.soon("busy", partial(work.compute, "busy", cost_s))
        else:
            work.compute("busy", cost_s)
        await asyncio.sleep(0)


async def test_one_expensive_turn_is_taken_in_an_iteration_of_the_loop() -> None:
    work = Computing()
    costs_s = cycle([*[0.000005] * 60, *[0.0005] * 20])  # the cheap ones make it expect cheap ones
    busy = [
        asyncio.ensure_future(_of("busy", work, _dear_now_and_then(work, costs_s, are_calls=which)))
        for which in (False, True)
        for _ in range(4)
    ]
    quiet = work.begin("quiet", 100_000, 0.00001)
    longest_s = 0.0
    for _ in range(2_000):
        before_s = work.now_s
        await asyncio.sleep(0)
        longest_s = max(longest_s, work.now_s - before_s)
    await _gone(quiet, *busy)
    assert work.steps["busy"] > 1_000
    # A turn, and what may come before it: a slice.
    assert longest_s < 0.0005 + 0.0002


async def test_nobody_computes_beside_work_that_the_loop_was_cleared_for() -> None:
    work = Computing()
    busy = [work.begin(name, 100_000, 0.0002) for name in ("a", "b") for _ in range(8)]
    await work.until(lambda: work.steps.total() > 100)
    for _ in range(50):
        assert not work.loop.is_clear
        before = work.steps.total()
        await work.loop.clear()
        assert work.steps.total() == before
        work.loop.over()
        assert not work.loop.is_clear, "the work counts as a turn"
        for _ in range(4):
            await asyncio.sleep(0)
        assert work.steps.total() > before
    await _gone(*busy)
