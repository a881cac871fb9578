"""A budget is exceeded by at most one answer, in any order of questions, failures and kills."""

import asyncio
import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from app.clock import SystemClock
from app.llm.prices import Estimate
from app.spending.spending import Asker, Spending
from journal import Journal
from steps.contract.step_type import StepBroke
from steps.effects.chat import ChatAnswer, Usage
from steps.models.spending import LimitReached

_MOST = 1_000
_LONGEST = 400


async def _spent(journal: Journal) -> int:
    rows = await journal.spending.days("t", "2000-01-01", "9999-12-31")
    return sum(row.cost_nano for row in rows)


async def _lives(folder: Path, chance: random.Random) -> None:
    """Ask concurrently in several server lives; check the total after each."""
    really = 0
    for _ in range(3):
        journal = await Journal.open(folder)
        spending = Spending(journal.spending, SystemClock())
        await spending.open()
        await spending.set_budget("t", "", _MOST)
        answered: list[int] = []

        async def one(number: int, spending: Spending = spending, answered: list[int] = answered) -> None:  # fmt: skip
            sure, more = chance.randint(0, _LONGEST // 2), chance.randint(0, _LONGEST // 2)
            cost = sure + chance.randint(0, more)

            async def ask() -> ChatAnswer:
                for _ in range(chance.randint(0, 4)):
                    await asyncio.sleep(0)
                if chance.random() < 0.2:
                    raise StepBroke(chance.choice(["Overloaded", "Timeout"]), "no")
                answered.append(cost)
                usage = Usage(1, 1, cost_nano=cost)
                return ChatAnswer("", (), "stop", "m", usage, 0)

            asker = Asker("t", f"dynamic-workflow-{number + 1}", 1, "w")
            await spending.spend(asker, "", Estimate("m", 1, 1, sure, more), ask)

        tasks = [asyncio.create_task(one(number)) for number in range(12)]
        for _ in range(chance.randint(0, 30)):
            await asyncio.sleep(0)
        for task in chance.sample(tasks, chance.randint(0, 12)):
            task.cancel()  # as a cancelled step or the end of the process does
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, None | StepBroke | LimitReached | asyncio.CancelledError | ChatAnswer) for one in done), done  # fmt: skip
        await asyncio.sleep(0)
        really += sum(answered)
        assert await _spent(journal) <= _MOST + _LONGEST
        assert really <= _MOST + _LONGEST
        await journal.close()


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_budget_is_exceeded_by_at_most_one_answer(seed: int, tmp_path_factory: object) -> None:
    folder: Path = tmp_path_factory.mktemp("spending")  # type: ignore[attr-defined]
    asyncio.run(_lives(folder, random.Random(seed)))
