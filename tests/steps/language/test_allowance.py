"""All expressions of a step share one allowance, and the event loop gets control between them."""

import asyncio

import pytest

from engine import Json
from steps.language.allowance import STEP, Allowance
from steps.language.expression import Expression, ExpressionError
from steps.language.template import Template

LARGE: dict[str, Json] = {
    "data": {"x": {str(number): 1 for number in range(10_000)}, "s": "x" * 200_000}
}
COSTLY = "data.x | items | list"
LONG = "data.s ~ data.s | upper"
"""It examines nearly as much, in a hundredth of the time."""


def spent(text: str, times: int = 1) -> int:
    with Allowance() as allowance:
        for _ in range(times):
            Expression(text).evaluate(LARGE)
        return allowance.spent


def test_work_is_counted_by_values_examined() -> None:
    assert spent("1 + 1") < 10
    assert spent("data.s is defined") < 20_000
    assert spent("data.x") == pytest.approx(10_000, rel=0.1)
    assert spent(COSTLY) == pytest.approx(5 * 10_000, rel=0.1)
    assert spent(COSTLY, 4) == 4 * spent(COSTLY)
    assert spent("data.s ~ data.s | upper") > 2 * len("x" * 200_000) // 20


def test_each_step_has_its_own_allowance() -> None:
    many = STEP // spent(LONG) + 1
    assert many > 10
    for _ in range(2):
        with pytest.raises(ExpressionError, match="the expressions of one step may look at"):
            spent(LONG, many)
    for _ in range(many):
        Expression(LONG).evaluate(LARGE)  # alone, each has its own allowance


def test_other_tasks_run_between_expressions() -> None:
    template = Template({f"k{number}": "{{ " + COSTLY + " }}" for number in range(8)})
    mixed = Template("".join("{{ " + COSTLY + " | length }}" for _ in range(8)))

    async def turns_while(work: Template) -> int:
        turns, done = 0, False

        async def others() -> None:
            nonlocal turns
            while not done:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(others())
        await asyncio.sleep(0)
        with Allowance():
            assert await work.rendered(LARGE) == work.render(LARGE)
        done = True
        await beside
        return turns

    assert asyncio.run(turns_while(template)) >= 8
    assert asyncio.run(turns_while(mixed)) >= 3


def test_a_timeout_takes_effect_between_expressions() -> None:
    template = Template(["{{ " + COSTLY + " }}"] * 15)

    async def within(seconds: float) -> None:
        with Allowance():
            async with asyncio.timeout(seconds):
                await template.rendered(LARGE)

    with pytest.raises(TimeoutError):
        asyncio.run(within(0.0))
