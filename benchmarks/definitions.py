"""The workflows that are measured."""

from itertools import pairwise
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


def order(workflow_id: str, *, computed: bool = True) -> Document:
    """Return an order's way, with templates in nested objects, and conditions on edges.

    If it is not `computed`, the same steps have constants, and no edge has a condition.
    """

    def given(template: str, constant: object) -> object:
        return template if computed else constant

    def adding(step_id: str, one: object, other: object) -> Document:
        output = {step_id: {"type": "integer", "value": "{{ result.sum }}"}}
        return {
            "id": step_id, "type": "call-tool", "toolId": "add", "inputs": {"a": one, "b": other},
            "output": output if computed else {"sum": {"type": "integer"}},
        }  # fmt: skip

    shipment = {
        "to": {
            "name": given("{{ data.order.customer.name }}", "Ada"),
            "country": given("{{ data.order.customer.country }}", "DE"),
        },
        "label": given("Order {{ data.order.id }} for {{ data.order.customer.name }}", "Order 7"),
        "weight": given("{{ data.weight }}", 4),
    }
    net = given("{{ data.order.net }}", 100)
    steps = [
        adding("total", net, given("{{ data.order.net * data.order.tax / 100 }}", 19)),
        adding(
            "fee", given("{{ data.total }}", 119), given("{{ 0 if data.total > 500 else 5 }}", 5)
        ),
        adding(
            "weight",
            given("{{ data.order.lines }}", 3),
            given("{{ data.order.packing | default(1) }}", 1),
        ),
        {"id": "book", "type": "set", "values": {"shipment": shipment}},
        {"id": "end", "type": "end-flow", "result": {"due": given("{{ data.fee }}", 124)}},
    ]
    conditions = {
        "total": "data.total < 1000 and not data.order.known",
        "fee": "data.order.customer.country in ['AT', 'DE']",
        "weight": "0 < data.weight <= 30",
    }
    edges: list[Document] = [
        {"from": one, "to": other, **({"condition": conditions[one]} if computed else {})}
        for one, other in pairwise(("total", "fee", "weight", "book"))
    ]
    edges += [{"from": step_id, "to": "end"} for step_id in (*conditions, "book")]
    ordered = {
        "id": "A-17", "net": 100, "tax": 19, "lines": 3, "known": False,
        "customer": {"name": "Ada", "country": "DE"},
    }  # fmt: skip
    return {
        "id": workflow_id, "name": workflow_id, "initialStep": "total",
        "payload": {"order": {"type": "object", "default": ordered, "required": False}},
        "steps": steps, "edges": edges if computed else [*edges[:3], edges[-1]],
    }  # fmt: skip
