"""The events of a tenant are read once for all its webhooks, and none misses any."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from app.clock import SystemClock
from app.events.hub import Hub
from app.outbound.http_client import HttpClient
from app.secrets.seal import Keyring
from app.webhooks import tenant_feed
from app.webhooks.deliverer import DeliveryDependencies
from app.webhooks.registry import Draft, Webhooks
from app.webhooks.sender import Sender
from engine import RetryPolicy, RunStarted, apply
from journal import Journal
from journal.reading.readers import Readers
from tests.harness.counted_work import counted_callbacks
from tests.harness.histories import start_run

NOBODY = "http://127.0.0.1:9/"
RUNS = 12
MOST_CALLS = 12
"""How many calls in one callback an event may cost for each webhook."""


@dataclass
class Served:
    """Webhooks on a journal; `reads` counts the statements since it was set to zero."""

    journal: Journal
    webhooks: Webhooks
    hub: Hub = field(default_factory=Hub)
    reads: int = 0
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def hook(self, *events: str, from_start: bool = False) -> str:
        draft = Draft("", NOBODY, events, None, from_start=from_start)
        row, _ = await self.webhooks.create("acme", draft)
        return row.id

    async def begin_run(self, workflow: str = "w") -> None:
        """Start a run, and let its listeners know."""
        number = next(self.numbers)
        event = RunStarted(number, f"dynamic-workflow-{number}", workflow, "1.0.0", "a", {})
        run = apply(None, event)
        await start_run(self.journal, "acme", run, [event])
        self.hub.heard("acme", run.id)

    async def all_have_seen_all(self) -> None:
        last = await self.journal.pages.last_position()
        async with asyncio.timeout(20):
            for deliverer, _ in self.webhooks._deliverers.values():
                while deliverer.position < last:  # noqa: ASYNC110 - a value of another task
                    await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    journal = await Journal.open(folder)
    client = HttpClient([ip_network("127.0.0.0/8")])
    clock, hub = SystemClock(), Hub()
    retry = RetryPolicy(max_attempts=99, initial_ms=600_000, maximum_ms=600_000)
    parts = DeliveryDependencies(
        journal, hub, Sender(client, clock, 5), clock, retry, 900_000, clock
    )
    served = Served(journal, Webhooks(parts, Keyring(bytes(range(32)))), hub)
    read = Readers.all

    async def counted(readers: Readers, sql: str, values: Any = ()) -> list[Any]:
        served.reads += 1
        return await read(readers, sql, values)

    with monkeypatch.context() as patched:
        patched.setattr(Readers, "all", counted)
        try:
            yield served
        finally:
            await served.webhooks.close()
            await client.close()
            await journal.close()


async def test_work_for_an_event_hardly_grows_with_the_webhooks_that_do_not_want_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it leave garbage, which would be collected in one go, while everybody waits."""
    costs = []
    for hooks in (4, 100):
        async with serving(tmp_path / str(hooks), monkeypatch) as served:
            for _ in range(hooks):
                await served.hook("run.failed")
            await served.begin_run()
            await served.all_have_seen_all()
            served.reads = 0
            gc.collect()
            gc.disable()
            try:
                with counted_callbacks() as callbacks:
                    for _ in range(RUNS):
                        await served.begin_run()
                        await served.all_have_seen_all()
                costs.append((served.reads, max(callbacks), gc.collect()))
            finally:
                gc.enable()
    few, many = costs
    print(f"reads, calls in the largest callback, garbage: {few} and {many}")
    assert max(few[0], many[0]) <= 2 * RUNS
    assert many[1] <= few[1] + 100 * MOST_CALLS
    assert many[2] <= few[2] + RUNS


async def test_webhooks_that_join_at_any_time_miss_and_repeat_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_feed, "_MOST_KEPT", 3)
    monkeypatch.setattr(tenant_feed, "_PAGE", 2)
    async with serving(tmp_path, monkeypatch) as served:
        began: dict[str, int] = {}
        for number in range(40):
            if number % 10 == 5:
                last = await served.journal.pages.last_position()
                for events, is_old in (("run.*", True), ("run.started", False), ("step.*", False)):
                    hook = await served.hook(events, from_start=is_old)
                    began[hook] = 10**9 if events == "step.*" else 0 if is_old else last
            await served.begin_run()
            if number % 7 == 0:
                await asyncio.sleep(0.05)
        await served.all_have_seen_all()
        for hook, after in began.items():
            rows = await served.journal.outbox.page(hook, None, None, 1_000)
            assert [row.position for row in rows] == list(range(40, min(after, 40), -1))
