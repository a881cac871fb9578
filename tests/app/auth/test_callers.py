"""The callers of a workflow shown on its page: steps, also inside bodies, and branches."""

from pathlib import Path
from typing import Any

from app.assembly import open_services
from app.settings.server import load

CALL = {"id": "call", "type": "call-workflow", "workflowId": "leaf"}


def workflow(name: str, step: dict[str, Any], **more: Any) -> dict[str, Any]:
    end = {"id": "end", "type": "end-flow"}
    return {"id": name, "name": name, "initialStep": step["id"], "steps": [step, end],
            "edges": [{"from": step["id"], "to": "end"}], **more}  # fmt: skip


async def test_callers_are_found_at_every_depth(tmp_path: Path) -> None:
    branches = {"a.b": {"workflow": "leaf"}}
    documents = [
        workflow("step", CALL),
        workflow("group", {"id": "g", "type": "group", "steps": [CALL]}),
        workflow("branch", {"id": "p", "type": "parallel", "branches": branches}),
        workflow("local", {**CALL, "workflowId": "#in"}, workflows={"in": {"steps": [CALL]}}),
        workflow("other", {"id": "s", "type": "set", "values": {"workflowId": "leaf"}}),
    ]
    async with open_services(load({"data": tmp_path}).settings) as services:
        for document in documents:
            await services.workflows.create("acme", document)
        found = await services.workflows.callers("acme", "workflowId", "leaf")
        assert [row.id for row in found] == ["branch", "group", "local", "step"]
        assert await services.workflows.callers("other", "workflowId", "leaf") == []
        await services.runs.close(1)
