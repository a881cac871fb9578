"""Workflows that wait for the signal of a payment, and requests that send one."""

from itertools import pairwise
from typing import Any

import httpx

END = {"id": "end", "type": "end-flow", "result": {"got": "{{ data.amount | default(none) }}"}}
PAID = {
    "id": "paid", "type": "wait-for-signal", "signal": "payment", "key": "{{ data.order }}",
    "output": {"amount": {"type": "number", "value": "{{ signal.data.amount }}"}},
}  # fmt: skip


def flow(name: str, *steps: dict[str, Any], edges: list[dict[str, Any]] | None = None) -> Any:
    whole = [*steps, END]
    chain = [{"from": a["id"], "to": b["id"]} for a, b in pairwise(whole)]
    return {"id": name, "name": name, "initialStep": whole[0]["id"], "steps": whole,
            "edges": [*(edges or []), *chain]}  # fmt: skip


def define(client: httpx.Client, document: dict[str, Any]) -> None:
    answer = client.post("/api/workflows", json=document)
    assert answer.status_code in (201, 409), answer.text


def begin(client: httpx.Client, name: str, **data: Any) -> str:
    answer = client.post(f"/api/workflow/start-async/{name}", json={"data": data})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["runId"])


def send(client: httpx.Client, name: str = "payment", **more: Any) -> Any:
    answer = client.post("/api/signals", json={"name": name, **more})
    assert answer.status_code == 202, answer.text
    return answer.json()
