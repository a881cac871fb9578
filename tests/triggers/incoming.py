"""Triggers on requests, and what became of the requests."""

from typing import Any

import httpx

TAKES = {"amount": {"type": "number"}, "who": {"type": "string", "default": "nobody"}}


def put(client: httpx.Client, name: str, **body: Any) -> Any:
    given = {"workflowId": "any", "verify": {"preset": "none"}, **body}
    answer = client.put(f"/api/triggers/{name}", json=given)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def firings(client: httpx.Client, name: str) -> list[tuple[str, str | None]]:
    found = client.get(f"/api/triggers/{name}/firings").json()["firings"]
    return [(item["outcome"], item["message"]) for item in found]
