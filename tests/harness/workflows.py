"""Small workflows, created and started over HTTP."""

from typing import Any

import httpx

END = {"id": "end", "type": "end-flow", "result": {"data": "{{ data }}"}}
ASK = {"id": "ask", "type": "request-user-action", "message": "Well?"}
PAYLOAD = {"payload": {"n": {"type": "integer"}}}
ANSWER = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}


def create(client: httpx.Client, name: str, steps: list[Any], edges: list[Any], **more: Any) -> str:
    document = {
        "id": name, "name": name, "initialStep": [*steps, END][0]["id"], "steps": [*steps, END], "edges": edges, **more,
    }  # fmt: skip
    made = client.post("/api/workflows", json=document)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def straight(*names: str) -> list[Any]:
    """Return the edges of a chain."""
    return [{"from": a, "to": b} for a, b in zip(names, [*names[1:], "end"], strict=True)]


def call(workflow_id: str, **more: Any) -> dict[str, Any]:
    return {"id": "call", "type": "call-workflow", "workflowId": workflow_id, **more}


def start(client: httpx.Client, workflow_id: str, **data: Any) -> Any:
    answer = client.post(f"/api/workflow/start/{workflow_id}", json={"data": data})
    assert answer.status_code == 200, answer.text
    return answer.json()


def status(client: httpx.Client, run_id: str) -> Any:
    return client.get(f"/api/workflow/status/{run_id}").json()


def descendants(client: httpx.Client, run_id: str) -> list[str]:
    children = status(client, run_id)["childRunIds"]
    return [*children, *(one for child in children for one in descendants(client, child))]
