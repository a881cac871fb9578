"""The workflows that are measured."""

from typing import Any

Document = dict[str, Any]


def five(workflow_id: str = "five", tool: str = "add", gated_step: int | None = None) -> Document:
    """Return five steps, each of which returns a small object made by a Python function."""
    steps: list[Document] = [
        {
            "id": f"s{i}",
            "type": "call-tool",
            "toolId": "gated_add" if i == gated_step else tool,
            "inputs": {"a": i, "b": 1},
            "output": {"sum": {"type": "integer"}},
        }
        for i in range(5)
    ]
    steps.append({"id": "end", "type": "end-flow"})
    edges = [{"from": f"s{i}", "to": f"s{i + 1}" if i < 4 else "end"} for i in range(5)]
    return {
        "id": workflow_id, "name": workflow_id, "initialStep": "s0", "steps": steps, "edges": edges
    }  # fmt: skip


def loop(workflow_id: str, tool: str, turns: int) -> Document:
    """Return one step that is executed `turns` times."""
    tick = {
        "id": "tick",
        "type": "call-tool",
        "toolId": tool,
        "inputs": {"a": "{{ data.n }}", "b": 1},
        "output": {"n": {"type": "integer", "value": "{{ result.sum }}"}},
    }
    return {
        "id": workflow_id,
        "name": workflow_id,
        "maxStepExecutions": turns + 10,
        "initialStep": "tick",
        "payload": {"n": {"type": "integer", "default": 0, "required": False}},
        "steps": [tick, {"id": "end", "type": "end-flow", "result": {}}],
        "edges": [
            {"from": "tick", "to": "tick", "condition": f"data.n < {turns}"},
            {"from": "tick", "to": "end"},
        ],
    }


def over_items(workflow_id: str, child: str, concurrency: int) -> Document:
    """Return a map: one child run for each item of the input."""
    step = {
        "id": "map",
        "type": "call-workflow",
        "workflowId": child,
        "items": "{{ data.items }}",
        "data": {},
        "concurrency": concurrency,
        "collect": "result",
    }
    return {
        "id": workflow_id,
        "name": workflow_id,
        "initialStep": "map",
        "payload": {"items": {"type": "array"}},
        "steps": [step, {"id": "end", "type": "end-flow", "result": {}}],
        "edges": [{"from": "map", "to": "end"}],
    }


def asking(workflow_id: str) -> Document:
    """Return a workflow that pauses for a person at once."""
    ask = {"id": "ask", "type": "collect-inputs", "output": {"name": {"type": "string"}}}
    return {
        "id": workflow_id,
        "name": workflow_id,
        "initialStep": "ask",
        "steps": [ask, {"id": "end", "type": "end-flow"}],
        "edges": [{"from": "ask", "to": "end"}],
    }


def over_text(workflow_id: str) -> Document:
    """Return the five steps with a text of any length as input."""
    return {**five(workflow_id), "payload": {"text": {"type": "string", "default": ""}}}
