"""The workflows of the simulation: every shape a run can have, in few steps."""

import asyncio
from collections.abc import Callable
from functools import cache
from itertools import count, islice, pairwise
from random import Random
from typing import Any

from app.definitions.workflows import Workflows
from engine import Json
from steps.definition import compile_definition
from steps.document.bodies import written_bodies
from steps.document.compiled import Definition
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
    """Return a step with random branches, one with clean-up and one with nested branches."""
    tidy = {
        "steps": [_play("a", "any", "sleep"), _play("b", "act")],
        "edges": [_edge("a", "b", on="cancel")],
    }
    inner = {"id": "in", "type": "parallel", "enough": "any",
             "branches": {"x": {"steps": [_play("a", "any")]}, "y": {"workflow": "any"}}}  # fmt: skip
    branches = {"tidy": tidy, "nest": {"steps": [inner]}, "call": {"workflow": "any"}}
    return {"id": "fork", "type": "parallel", "enough": enough, "branches": branches, **more}


def _graph() -> dict[str, Any]:
    """Return branches of which two need the results of others."""
    last = [
        _play("a", "act"),
        {"id": "e", "type": "end-flow", "result": {"of": "{{ data.needs }}"}},
    ]
    branches: dict[str, Any] = {
        "a": {"steps": [_play("a", "any")]},
        "b": {"steps": [_play("a", "act", "sleep")]},
        "c": {"needs": ["a"], "workflow": "any"},
        "d": {"needs": ["b", "c"], "steps": last, "edges": [_edge("a", "e")]},
    }
    return {"id": "fork", "type": "parallel", "branches": branches, "retry": RETRY}


def _pooled() -> list[dict[str, Any]]:
    """Return a workflow that is limited by a pool, and one of which a group is."""
    pool = {"concurrency": {"pool": "slots", "limit": 1}}
    group = {"id": "part", "type": "group", "steps": [_play("a", "any", "sleep")], **pool}
    return [{**_workflow("pooled", [_play("a", "any", "sleep")]), **pool},
            _workflow("partly-pooled", [_play("b", "act"), group], _edge("part", "end", on="error"))]  # fmt: skip


def _wide() -> list[dict[str, Any]]:
    """Return steps whose bodies begin with data that is too long to be copied."""
    inner = {"id": "in", "type": "group", "steps": [_play("a", "any"), {**_ACTION}],
             "edges": [_edge("a", "ask")]}  # fmt: skip
    fork = {
        "id": "fork",
        "type": "parallel",
        "branches": {"x": {"steps": [inner]}, "y": {"steps": [_play("a", "any")]}},
    }
    each = {"id": "each", "type": "call-workflow", "items": "{{ [0, 1, 2] }}", "concurrency": 2,
            "steps": [_play("a", "any"), _play("b", "act")], "edges": [_edge("a", "b")],
            "onItemError": "continue", "retry": RETRY}  # fmt: skip
    grows = {"id": "grow", "type": "set", "append": {"text": "{{ range(100) | join('.....') }}"}}
    return [grows, fork, each, _play("b", "act")]


def _edge(source: str, target: str, **more: Any) -> dict[str, Any]:
    return {"from": source, "to": target, **more}


def _workflow(name: str, steps: list[Any], *edges: dict[str, Any]) -> dict[str, Any]:
    names = [step["id"] for step in steps]
    chain = [_edge(a, b) for a, b in zip(names, [*names[1:], "end"], strict=True)]
    return {
        "id": name, "name": name, "initialStep": names[0],
        "steps": [*steps, {"id": "end", "type": "end-flow", "result": {"ended": True}}], "edges": [*edges, *chain],
    }  # fmt: skip


def _nested(random: Random, deep: int) -> dict[str, Any]:
    """Return a random body of a few steps, with nested groups and branches, and its handlers."""
    steps = [_part(random, f"s{number}", deep) for number in range(random.randrange(1, 4))]
    names = [step["id"] for step in steps]
    body: dict[str, Any] = {"edges": [_edge(a, b) for a, b in pairwise(names)]}
    if len(names) > 1 and random.random() < 0.4:
        body["edges"].append(_edge(names[0], names[-1], on="error"))
    if random.random() < 0.5:
        steps.append(_play("caught", random.choice(("any", "act", "fail"))))
        body["onError"] = "caught"
    if random.random() < 0.7:
        steps.append(_play("tidy", random.choice(("act", "sleep", "maybe-fail")), "act"))
        body["finally"] = "tidy"
    if random.random() < 0.3:
        body["timeout"] = random.choice(("300ms", "1500ms", "8s"))
    return {"steps": steps, **body}


def _part(random: Random, step_id: str, deep: int) -> dict[str, Any]:
    kinds = ("play", "play", "ask", "signal", "call", *(("group", "parallel") * 3 if deep else ()))
    retry = {"retry": RETRY} if random.random() < 0.3 else {}
    match random.choice(kinds):
        case "group":
            return {"id": step_id, "type": "group", **_nested(random, deep - 1), **retry}
        case "parallel":
            branches = {name: _nested(random, deep - 1) for name in "xyz"[: random.randrange(2, 4)]}
            if random.random() < 0.4:
                branches["y"]["needs"] = ["x"]
            enough = random.choice(("all", "any", 2, ["x"]))
            others = {"others": "continue"} if enough != "all" and random.random() < 0.5 else {}
            fork = {"id": step_id, "type": "parallel", "branches": branches, "enough": enough}
            return {**fork, **others, **retry}
        case "signal":
            return {"id": step_id, "type": "wait-for-signal", "signal": "go"}
        case "ask":
            return {**_ACTION, "id": step_id}
        case "call":
            wait = random.random() < 0.6
            return {**_call("any", wait=wait), "id": step_id, **(retry if wait else {})}
        case _:
            return _play(step_id, random.choice(("any", "act", "sleep")), "any", **retry)


def _size(workflow: dict[str, Any]) -> int:
    """Return how many steps there are, with those of the bodies."""
    bodies = (body for _, body in written_bodies(workflow))
    return sum(len(body["steps"]) for body in (workflow, *bodies))


def _random(seed: int) -> dict[str, Any]:
    """Return a whole document with randomly nested parts."""
    body = _nested(Random(seed), 2)
    steps, edges = body.pop("steps"), body.pop("edges")
    last = [step["id"] for step in steps if step["id"].startswith("s")][-1]
    edges += [_edge(last, "end"), *([_edge("caught", "end")] if "onError" in body else ())]
    end = {"id": "end", "type": "end-flow", "result": {"ended": True}}
    name = f"nested-{seed}"
    return {
        "id": name,
        "name": name,
        "initialStep": "s0",
        "steps": [*steps, end],
        "edges": edges,
        **body,
    }


def _limited(name: str, when_full: str) -> dict[str, Any]:
    steps = [_play("a", "any", "sleep"), _ACTION]
    return {**_workflow(name, steps), "concurrency": {"limit": 1, "whenFull": when_full}}


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
    _workflow("leaves", [_fork("any", others="continue", retry=RETRY), _items("any", enough=1, others="continue", concurrency=3), _play("b", "act")],
              _edge("fork", "b", on="error"), _edge("call", "b", on="error")),
    _workflow("graph", [_graph(), _play("b", "act")], _edge("fork", "b", on="error")),
    *_pooled(),
    _workflow("sends-off", [{**_items("leaf", wait=False), "id": "send"}, _play("b", "act")]),
    *(_limited(f"limited-{when_full}", when_full) for when_full in ("queue", "refuse", "cancel-oldest")),
    *islice((made for seed in count() if _size(made := _random(seed)) in range(6, 31)), 12),
    _workflow("wide", _wide(), _edge("fork", "grow", on="error"), _edge("b", "grow", condition="data.text | length < 3")),
    _workflow("again", [_call("leaf"), _play("b", "any")], _edge("b", "call", on="error")),
]  # fmt: skip

CHILDREN = ("any", "leaf", "chain")
"""Started often as children; starting them directly would add little."""


@cache
def compiled() -> Callable[[Json], Definition]:
    """Return a function that compiles each document once per process."""
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
    """Return a database that contains the workflows."""
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
