"""LangGraph with its SQLite checkpointer and `durability="sync"`: a checkpoint before each step.

Only the caller knows a graph's runs: after a kill it must invoke each thread again, as
`unfinished` does the first time.
"""

import argparse
import asyncio
import itertools
from pathlib import Path
from typing import Any, TypedDict
from uuid import uuid4

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

from benchmarks.gate import wait_at_the_gate
from benchmarks.peers.commands import serve


class State(TypedDict):
    n: int
    sum: int


def step(i: int, *, waits: bool = False) -> Any:
    async def node(state: State) -> dict[str, int]:
        if waits:
            await wait_at_the_gate()
        return {"sum": i + state["n"]}

    return node


def graph(saver: AsyncSqliteSaver, gated_step: int | None = None) -> Any:
    builder = StateGraph(State)
    for i in range(5):
        builder.add_node(f"s{i}", step(i, waits=i == gated_step))
    names = [START, *(f"s{i}" for i in range(5)), END]
    for one, other in itertools.pairwise(names):
        builder.add_edge(one, other)
    return builder.compile(checkpointer=saver)


class LangGraph:
    def __init__(self, saver: AsyncSqliteSaver, gated_file: Path) -> None:
        self._five = graph(saver)
        self._gated = graph(saver, gated_step=2)
        self._gated_file = gated_file
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        config = {"configurable": {"thread_id": str(uuid4())}}
        result = await self._five.ainvoke({"n": 1, "sum": 0}, config, durability="sync")
        assert result["sum"] == 5, result

    async def start_gated(self, count: int) -> None:
        self._gated_file.write_text(str(count))
        self._begin(count, {"n": 1, "sum": 0})

    async def unfinished(self) -> int:
        if not self._tasks and self._gated_file.exists():
            self._begin(int(self._gated_file.read_text()), None)
        return sum(not task.done() for task in self._tasks)

    def _begin(self, count: int, values: Any) -> None:
        for number in range(count):
            config = {"configurable": {"thread_id": f"gated-{number}"}}
            run = self._gated.ainvoke(values, config, durability="sync")
            self._tasks.add(asyncio.create_task(run))


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder
    async with AsyncSqliteSaver.from_conn_string(str(folder / "checkpoints.sqlite")) as saver:
        await saver.setup()
        await serve(LangGraph(saver, folder / "gated"))


if __name__ == "__main__":
    asyncio.run(main())
