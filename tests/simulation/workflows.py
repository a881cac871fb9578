"""The workflows of the simulated world: each shape a run can have, in few steps."""

import asyncio
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

from app.definitions.workflows import Workflows
from engine import Json
from steps.compiled import Definition
from steps.definition import compile_definition
from tests.simulation.disk import Disk, Life, Moods
from tests.simulation.loop import SeededLoop
from tests.simulation.step_types import registry

TENANT = "acme"
RETRY = {"maxAttempts": 3, "initialInterval": "100ms", "maximumInterval": "1s"}


def _play(step_id: str, *does: str, **more: Any) -> dict[str, Any]:
    return {"id": step_id, "type": "play", "does": list(does), **more}


def _call(workflow_id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "call",
        "type": "call-workflow",
        "workflowId": workflow_id,
        "data": {"index": 0},
        **more,
    }


def _items(workflow_id: str, **more: Any) -> dict[str, Any]:
    return _call(
        workflow_id, **{"items": "{{ [0, 1, 2, 3] }}", "data": {"index": "{{ index }}"}, **more}
    )


def _fork(enough: Any, **more: Any) -> dict[str, Any]:
    """Return branches that do by chance what steps do; one cleans up, one has a branch below."""
    tidy = {
        "steps": [_play("a", "any", "sleep"), _play("b", "act")],
        "edges": [_edge("a", "b", on="cancel")],
    }
    inner = {"id": "in", "type": "parallel", "enough": "any",
             "branches": {"x": {"steps": [_play("a", "any")]}, "y": {"workflow": "any"}}}  # fmt: skip
    branches = {"tidy": tidy, "nest": {"steps": [inner]}, "call": {"workflow": "any"}}
    return {"id": "fork", "type": "parallel", "enough": enough, "branches": branches, **more}


def _edge(source: str, target: str, **more: Any) -> dict[str, Any]:
    return {"from": source, "to": target, **more}


def _workflow(name: str, steps: list[Any], *edges: dict[str, Any]) -> dict[str, Any]:
    names = [step["id"] for step in steps]
    chain = [_edge(a, b) for a, b in zip(names, [*names[1:], "end"], strict=True)]
    return {
        "id": name, "name": name, "initialStep": names[0],
        "steps": [*steps, {"id": "end", "type": "end-flow", "result": {"ended": True}}], "edges": [*edges, *chain],
    }  # fmt: skip


_ACTION = {"id": "ask", "type": "request-user-action", "message": "Well?"}

DOCUMENTS: list[dict[str, Any]] = [
    _workflow("leaf", [_play("a", "act", "record", "act")]),
    _workflow("any", [_play("a", "any", output={"index": {"type": "integer", "required": False}})]),
    _workflow("chain", [_play("a", "act"), _ACTION, {"id": "pause", "type": "wait", "duration": "400ms"}, _play("b", "record", "sleep", "record")]),
    _workflow("flaky", [_play("a", "act", "record", "maybe-fail", "act", retry=RETRY), _play("b", "boom", retry=RETRY)]),
    _workflow("loop", [_play("a", "act", output={"visit": {"type": "integer"}}), _play("b", "any", retry=RETRY)],
              _edge("b", "a", condition="data.visit < 3")),
    _workflow("late", [{**_ACTION, "deadline": "900ms"}, _play("b", "ask-late")],
              _edge("ask", "end", on="timeout"), _edge("b", "end", on="error")),
    _workflow("once", [_play("a", "sleep", "act", "sleep", onInterrupted="fail"), _play("b", "act", "sleep", "act", onInterrupted="ask")],
              _edge("a", "b", on="error")),
    _workflow("hang", [_play("a", "act", "stubborn", timeout="8s"), _play("b", "act", "hang", timeout="600ms", retry=RETRY)],
              _edge("a", "b", on="error")),
    _workflow("tidy", [_play("a", "record", "any", "act-late"), _play("b", "act", "sleep")],
              _edge("a", "b", on="cancel"), _edge("a", "b", on="error")),
    _workflow("odd", [_play("a", "cancel-itself", "act", retry=RETRY), {"id": "kept", "type": "ask-first"}]),
    _workflow("calls", [_call("any", retry=RETRY), _play("b", "act")]),
    _workflow("calls-late", [_call("chain", timeout="1500ms", retry=RETRY)], _edge("call", "end", on="error")),
    _workflow("each", [_items("any", concurrency=2, onItemError="continue"), _play("b", "act")]),
    _workflow("all", [_items("any", concurrency=3, retry=RETRY), _play("b", "act")], _edge("call", "b", on="cancel"), _edge("call", "b", on="error")),
    _workflow("deep", [_items("calls", concurrency=2, onItemError="continue")]),
    _workflow("family", [{"id": "two", "type": "families", "retry": RETRY}, _play("b", "act")]),
    _workflow("waits", [{"id": "go", "type": "wait-for-signal", "signal": "go", "deadline": "20s"}, _play("b", "act")], _edge("go", "end", on="timeout")),
    _workflow("gathers", [{"id": "go", "type": "wait-for-signal", "signal": "go", "count": 2}, _play("b", "any")]),
    _workflow("tells", [_play("a", "any"), {"id": "tell", "type": "send-signal", "signal": "go", "data": "{{ run.id }}", "keepFor": "90d"}]),
    _workflow("race", [_fork("any"), _play("b", "act")], _edge("fork", "b", on="error"), _edge("fork", "b", on="cancel")),
    _workflow("vote", [_fork(2, onBranchError="fail", retry=RETRY), _items("any", enough=2, concurrency=3), _play("b", "act")],
              _edge("fork", "end", on="error"), _edge("call", "end", on="error")),
    _workflow("fork", [_fork("all", onBranchError="continue", concurrency=2), _play("b", "act")]),
    _workflow("again", [_call("leaf"), _play("b", "any")], _edge("b", "call", on="error")),
]  # fmt: skip

CHILDREN = ("any", "leaf", "chain")
"""Called often enough; a start of their own teaches little."""


@cache
def compiled() -> Callable[[Json], Definition]:
    """Return what compiles a document, once in the life of this process."""
    known = registry()
    by_name: dict[str, Definition] = {}

    def compile_once(document: Json) -> Definition:
        assert isinstance(document, dict)
        name = str(document["name"])
        if name not in by_name:
            by_name[name] = compile_definition(document, known)
        return by_name[name]

    return compile_once


@cache
def stored() -> bytes:
    """Return a database in which the workflows are stored."""
    loop = SeededLoop(Random(0))
    disk = Disk(Random(0), Moods(slow=0))

    class Clock:
        def now_ms(self) -> int:
            return 1_700_000_000_000

    async def store() -> None:
        journal = disk.journal(Life(0))
        workflows = Workflows(journal, registry(), Clock())
        for document in DOCUMENTS:
            await workflows.create(TENANT, document)
        await journal.close()

    asyncio.set_event_loop(None)
    loop.run_until_complete(store())
    loop.finish()
    return disk.database.serialize()
