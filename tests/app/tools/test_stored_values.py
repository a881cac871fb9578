"""The store of a tenant: results of its calls, idempotency, and concurrent updates."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.tools.stored_values import StoredValues
from engine import Json
from journal import Journal
from journal.tables import store
from steps import StepBroke
from steps.effects.tool_calls import StoreCall


class Clock:
    def __init__(self) -> None:
        self.now = 1_000

    def now_ms(self) -> int:
        return self.now


class Place:
    """A store; each call is a new one unless it is given a name."""

    def __init__(self, journal: Journal) -> None:
        self.clock = Clock()
        self.values = StoredValues(journal.store, self.clock, self._mask)
        self._calls = 0

    @staticmethod
    async def _mask(_: str, value: Json) -> Json:
        return "***" if value == "secret" else value

    async def __call__(
        self, operation: str, key: str = "k", *, call: str = "", tenant: str = "acme", **more: Any
    ) -> Json:
        self._calls += 1
        made = StoreCall(operation, key, **more)
        return await self.values.call(tenant, call or f"call-{self._calls}", made)


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    journal = await Journal.open(tmp_path)
    yield Place(journal)
    await journal.close()


async def test_a_value_is_put_read_replaced_and_deleted(place: Place) -> None:
    assert await place("get") == {"found": False, "value": None}
    assert await place("put", value={"a": [1]}) == {"value": {"a": [1]}, "previous": None}
    assert await place("put", value=None) == {"value": None, "previous": {"a": [1]}}
    assert await place("get") == {"found": True, "value": None}
    assert await place("put-if-absent", value=2) == {"stored": False, "value": None}
    assert await place("delete") == {"deleted": True}
    assert await place("delete") == {"deleted": False}
    assert await place("put-if-absent", value=2) == {"stored": True, "value": 2}
    assert await place("get", tenant="globex") == {"found": False, "value": None}


async def test_a_repeated_call_changes_nothing_and_returns_the_same(place: Place) -> None:
    assert await place("increment", call="run-1:step:1") == {"value": 1}
    assert await place("increment", call="run-1:step:1") == {"value": 1}
    assert await place("increment", by=2.5) == {"value": 3.5}
    assert await place("put-if-absent", "n", call="c", value=1) == {"stored": True, "value": 1}
    assert await place("put-if-absent", "n", call="c", value=1) == {"stored": True, "value": 1}


async def test_concurrent_increments_all_count_and_one_is_first(place: Place) -> None:
    await asyncio.gather(*(place("increment", "n") for _ in range(100)))
    assert await place("get", "n") == {"found": True, "value": 100}
    first = await asyncio.gather(*(place("put-if-absent", value=number) for number in range(20)))
    assert [item for item in first if isinstance(item, dict) and item["stored"]] == first[:1]


async def test_a_value_is_gone_when_it_expires(place: Place) -> None:
    await place("put", value=1, lasts_ms=500)
    await place("put", "stays", value=1)
    place.clock.now = 1_499
    assert await place("get") == {"found": True, "value": 1}
    place.clock.now = 1_500
    assert await place("get") == {"found": False, "value": None}
    assert await place("increment") == {"value": 1}
    assert await place("get", "stays") == {"found": True, "value": 1}


async def test_no_secret_is_stored(place: Place) -> None:
    assert await place("put", value="secret") == {"value": "***", "previous": None}


@pytest.mark.parametrize("kept", ["text", True, None, [1]])
async def test_a_value_that_is_no_number_is_not_incremented(place: Place, kept: Any) -> None:
    await place("put", value=kept)
    with pytest.raises(StepBroke, match="not a number"):
        await place("increment")


async def test_a_store_is_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_VALUES", 2)
    await place("put", "a", value=1)
    await place("put", "b", value=1)
    await place("put", "b", value=2)
    with pytest.raises(StepBroke, match="the store holds 2 values already"):
        await place("put", "c", value=1)
    await place("put", "c", value=1, tenant="globex")
    with pytest.raises(StepBroke, match="262144 bytes"):
        await place("put", "a", value="x" * 262_143)
    with pytest.raises(StepBroke, match="beyond 2"):
        await place("increment", "a", by=2**53)
