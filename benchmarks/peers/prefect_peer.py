"""Prefect 3: flow and tasks in this process, its server on SQLite beside it.

Results are persisted, which is necessary so that steps are not repeated.
"""

import asyncio

from prefect import flow, task

from benchmarks.peers.commands import serve


@task(persist_result=True)
async def add(a: int, b: int) -> dict[str, int]:
    return {"sum": a + b}


@flow(persist_result=True)
async def five(n: int) -> dict[str, int]:
    last: dict[str, int] = {}
    for i in range(5):
        last = await add(i, n)
    return last


class Prefect:
    async def run(self) -> None:
        result = await five(1)
        assert result == {"sum": 5}, result

    async def start_gated(self, count: int) -> None:
        raise NotImplementedError("a flow is not carried on after its process has gone")

    async def unfinished(self) -> int:
        return 0


if __name__ == "__main__":
    asyncio.run(serve(Prefect()))
