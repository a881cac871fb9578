"""The cost of branches compared with child runs and single runs, in function calls."""

from pathlib import Path
from typing import Any

from app.execution.starting.new_run import NewRun
from app.services import Services
from tests.performance.test_work_per_run import Calls, services_on, startable, to_the_end

END = {"id": "end", "type": "end-flow", "result": {"n": 1}}
LINE = {"steps": [END]}
CHILD: dict[str, Any] = {"id": "child", "name": "Child", "initialStep": "end", "steps": [END]}


def around(name: str, step: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "name": name, "initialStep": "all", "steps": [{"id": "all", **step}, END],
            "edges": [{"from": "all", "to": "end"}], **more}  # fmt: skip


PARALLEL = around("parallel", {"type": "parallel", "branches": {f"b{n}": LINE for n in range(10)}})
ITEMS = around(
    "items", {"type": "call-workflow", "workflowId": "child", "items": "{{ range(10) | list }}"}
)
LOCAL = around(
    "local",
    {"type": "call-workflow", "workflowId": "#line", "items": "{{ range(10) | list }}"},
    workflows={"line": LINE},
)


async def calls(services: Services, new: NewRun, times: int = 5) -> float:
    for _ in range(3):
        await to_the_end(services, new)
    with Calls() as counted:
        for _ in range(times):
            run = await to_the_end(services, new)
            assert run.status == "completed", run.error
    return counted.count / times


async def test_branches_cost_what_child_runs_cost(tmp_path: Path) -> None:
    async with services_on(tmp_path) as services:
        one = await calls(services, await startable(services, CHILD), times=20)
        items = await calls(services, await startable(services, ITEMS))
        local = await calls(services, await startable(services, LOCAL))
        branches = await calls(services, await startable(services, PARALLEL))
    print(
        f"one run {one:.0f}, ten items {items:.0f}, of the document {local:.0f}, branches {branches:.0f}"
    )
    assert branches <= 1.2 * items
    assert local <= 1.2 * items
