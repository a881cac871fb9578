"""The simulated disk returns what a real one returns, for the same sequence of calls."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine import (
    ChildrenAwaited,
    Event,
    Parent,
    Pause,
    Run,
    RunCompleted,
    RunFailed,
    RunPaused,
    RunStarted,
    RunTerminated,
    StepCompleted,
    StepSlept,
    StepStarted,
    apply,
)
from engine.values import RunError
from journal import Family, Head, IdempotencyKey, Journal, RunFilter
from tests.harness.histories import append_events, start_run
from tests.simulation.disk import Disk, Life, Moods
from tests.simulation.loop import SeededLoop

STORIES = 12


async def tell(journal: Journal, random: Random) -> list[Any]:
    """Make the same calls to any journal; return all its answers."""
    answers: list[Any] = []
    runs: list[tuple[Head, Run]] = []

    async def ask(work: Any) -> Any:
        try:
            answer = await work
        except Exception as refused:  # noqa: BLE001 - a refusal is an answer too
            answer = (type(refused).__name__, str(refused))
        answers.append(answer)
        return answer

    for number in range(1, 60):
        run, events = _start(number, random, runs)
        key = IdempotencyKey(f"key-{random.randrange(6)}", random.choice("ab"))
        match random.randrange(6):
            case 0:
                more = [(*_start(number + 1_000 * n, random, runs), None) for n in range(1, 4)]
                await ask(journal.events.start_together("acme", [(run, events, None), *more]))
            case 1:
                await ask(start_run(journal, "acme", run, events, idempotency=key))
            case 2 | 3:
                head = await ask(start_run(journal, "acme", run, events))
                if isinstance(head, Head):
                    runs.append((head, run))
            case _ if runs:
                at = random.randrange(len(runs))
                head, run = runs[at]
                event = _next(run, random)
                after = apply(run.copy(), event)
                appends = [append_events(journal, head, [event], after)] * 1
                if random.random() < 0.3:
                    appends.append(append_events(journal, head, [event], after))
                heads = await asyncio.gather(*appends, return_exceptions=True)
                answers.append([str(given) for given in heads])
                runs[at] = (next(given for given in heads if isinstance(given, Head)), after)
                if after.is_over:
                    del runs[at]
        await _look(journal, random, ask, number)
    return answers


async def _look(journal: Journal, random: Random, ask: Any, number: int) -> None:
    parent = f"dynamic-workflow-{random.randrange(1, number + 1)}"
    family = Family(parent, 1, random.randrange(2), 3)
    children, runs = journal.children, journal.runs
    for work in (
        journal.events.read(parent), journal.events.run(parent, "acme"), journal.events.run(parent, "other"),
        runs.page("acme", RunFilter(status=random.choice((None, "paused", "running"))), 5),
        runs.page("acme", RunFilter(parent_id=parent), 5),
        runs.due(random.randrange(200), (0, 0), 3), runs.next_due_ms(random.randrange(200)), runs.unfinished(0, 100), runs.last_number(),
        children.open(family), children.failed(family, 1, 1), children.tally(family, 1), children.newest(family),
        children.completed_items(family), children.last_item(family, 1), children.counts(parent, 1),
        children.ids(parent, 4), children.left_behind(), children.left_behind(parent),
        children.parents_to_look(),
    ):  # fmt: skip
        await ask(work)


def _start(
    number: int, random: Random, runs: Sequence[tuple[Head, Run]]
) -> tuple[Run, list[Event]]:
    parent = None
    if runs and random.random() < 0.6:
        above = random.choice(runs)[1]
        parent = Parent(above.id, "a", 1, random.randrange(1, 3), random.randrange(4), 1)
    event = RunStarted(number, f"dynamic-workflow-{number}", "w", "1.0.0", "a", {}, parent=parent)
    run, events = apply(None, event), list[Event]([event])
    if random.random() < 0.5:
        events.append(StepStarted(number, "a", 1, 1, "t"))
        run = apply(run, events[-1])
    return run, events


def _next(run: Run, random: Random) -> Event:
    """Return an event that is legal for the run."""
    at = (run.updated_at_ms + 1, "a", 1)
    if run.state == "ready" and run.next_step:
        return StepStarted(*at, 1, "t")
    if run.state == "ready":
        return random.choice(
            (RunCompleted(at[0], {}), RunFailed(at[0], RunError("a", "X", "why")))
        )  # fmt: skip
    if run.state == "executing":
        return random.choice((
            StepCompleted(*at, {"x": 1}, {}, None), StepSlept(*at, random.randrange(200)),
            ChildrenAwaited(*at, 3), RunPaused(*at, Pause("collect_inputs", {}), random.choice((None, 90))),
        ))  # fmt: skip
    if run.state == "awaiting" and random.random() < 0.5:
        return RunPaused(*at, Pause("collect_inputs", {}, run_id="dynamic-workflow-1"))
    return RunTerminated(at[0], "why")


@pytest.mark.parametrize("seed", range(STORIES))
def test_a_real_and_a_simulated_disk_return_the_same(tmp_path: Path, seed: int) -> None:
    async def real() -> list[Any]:
        journal = await Journal.open(tmp_path)
        try:
            return await tell(journal, Random(seed))
        finally:
            await journal.close()

    async def simulated() -> list[Any]:
        journal = Disk(Random(0), Moods()).journal(Life(1))
        try:
            return await tell(journal, Random(seed))
        finally:
            await journal.close()

    loop = SeededLoop(Random(seed), in_order=True)
    reported = loop.run_until_complete(simulated())
    loop.finish()
    expected = asyncio.run(real())
    assert reported == expected
    assert len({str(answer) for answer in reported}) > 60
