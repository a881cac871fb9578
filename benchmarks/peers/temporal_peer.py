"""Temporal for Python: a worker and its callers in this process, beside its server.

Used as documented: a workflow of five activities, each with a timeout; the workflow's code in its
sandbox; default settings except the number of concurrent activities.
"""

import argparse
import asyncio
import uuid
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from benchmarks.gate import wait_at_the_gate
    from benchmarks.peers.commands import serve

_QUEUE = "five"
_AT_ONCE = 2_000
"""As many steps wait at the gate at once."""


@activity.defn
async def add(a: int, b: int) -> dict[str, int]:
    return {"sum": a + b}


@activity.defn
async def gated_add(a: int, b: int) -> dict[str, int]:
    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(1)

    beating = asyncio.create_task(beat())
    try:
        await wait_at_the_gate()
    finally:
        beating.cancel()
    return {"sum": a + b}


@workflow.defn
class Five:
    @workflow.run
    async def run(self, n: int) -> dict[str, int]:
        last: dict[str, int] = {}
        for i in range(5):
            last = await workflow.execute_activity(
                add, args=[i, n], start_to_close_timeout=timedelta(minutes=1)
            )
        return last


@workflow.defn
class Gated:
    @workflow.run
    async def run(self, n: int) -> dict[str, int]:
        last: dict[str, int] = {}
        for i in range(5):
            last = await workflow.execute_activity(
                gated_add if i == 2 else add,
                args=[i, n],
                start_to_close_timeout=timedelta(minutes=10),
                heartbeat_timeout=timedelta(seconds=5),
            )
        return last


class Temporal:
    def __init__(self, client: Client, started: Path) -> None:
        self._client = client
        self._started = started

    async def run(self) -> None:
        result = await self._client.execute_workflow(
            Five.run, 1, id=uuid.uuid4().hex, task_queue=_QUEUE
        )
        assert result == {"sum": 5}, result

    async def start_gated(self, count: int) -> None:
        for _ in range(count):
            await self._client.start_workflow(Gated.run, 1, id=uuid.uuid4().hex, task_queue=_QUEUE)
        self._started.write_text(str(count))

    async def unfinished(self) -> int:
        """Return started runs minus completed ones, since the list of open runs lags behind."""
        done = await self._client.count_workflows(
            "WorkflowType = 'Gated' AND ExecutionStatus = 'Completed'"
        )
        return int(self._started.read_text()) - int(done.count)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--started", type=Path, required=True)
    given = parser.parse_args()
    client = await Client.connect(given.server)
    worker = Worker(
        client,
        task_queue=_QUEUE,
        workflows=[Five, Gated],
        activities=[add, gated_add],
        max_concurrent_activities=_AT_ONCE,
    )
    async with worker:
        await serve(Temporal(client, given.started))


if __name__ == "__main__":
    asyncio.run(main())
