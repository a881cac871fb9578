"""Writes many runs into a data folder through the journal, in large batches.

    python -m tests.harness.many_runs FOLDER PAUSED RUNNING DUE [AT_MS]

PAUSED runs wait for a person, RUNNING ones are inside a step, DUE ones have a timer at AT_MS.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from engine import (
    Event,
    JsonObject,
    Pause,
    Run,
    RunPaused,
    RunStarted,
    StepCompleted,
    StepSlept,
    StepStarted,
    fold,
)
from journal import Journal, NewVersion
from tests.harness.histories import start_run

TENANT = "acme"
_BATCH = 2_000

DEFINITION: JsonObject = {
    "name": "many",
    "initialStep": "nap",
    "steps": [
        {"id": "nap", "type": "call-tool", "toolId": "nap", "inputs": {"seconds": 0.01}},
        {"id": "ask", "type": "collect-inputs", "output": {"answer": {"type": "string"}}},
        {"id": "sleep", "type": "wait", "duration": "1h"},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [
        {"from": "nap", "to": "ask", "condition": "data.kind == 'paused'"},
        {"from": "nap", "to": "sleep", "condition": "data.kind == 'due'"},
        {"from": "nap", "to": "end"},
        {"from": "ask", "to": "end"},
        {"from": "sleep", "to": "end"},
    ],
}


def history(number: int, kind: str, at_ms: int, due_ms: int) -> list[Event]:
    data: JsonObject = {"kind": kind, "customer": {"name": f"Customer {number}", "note": "n" * 200}}
    begun: list[Event] = [
        RunStarted(at_ms, f"dynamic-workflow-{number}", "many", "1.0.0", "nap", data),
        StepStarted(at_ms, "nap", 1, 1, "call-tool"),
    ]
    if kind == "running":
        return begun
    step = "ask" if kind == "paused" else "sleep"
    begun.append(StepCompleted(at_ms, "nap", 1, "rested", {}, step))
    if kind == "due":
        return [*begun, StepStarted(at_ms, step, 1, 1, "wait"), StepSlept(at_ms, step, 1, due_ms)]
    pause = Pause("collect_inputs", {"stepId": "ask", "fields": {"answer": {"type": "string"}}})
    return [
        *begun,
        StepStarted(at_ms, step, 1, 1, "collect-inputs"),
        RunPaused(at_ms, step, 1, pause),
    ]


def runs(counts: dict[str, int], due_ms: int) -> Iterator[tuple[list[Event], Run]]:
    now_ms = time.time_ns() // 1_000_000 - 10_000_000
    number = now_ms
    for kind, count in counts.items():
        for _ in range(count):
            number += 1
            events = history(number, kind, now_ms, due_ms)
            yield events, fold(events)


async def fill(folder: Path, counts: dict[str, int], due_ms: int) -> None:
    journal = await Journal.open(folder)
    version = NewVersion("many", "", DEFINITION, "draft", 1)
    await journal.workflows.create(TENANT, version, wanted_id="many", slug="many")
    (made,) = await journal.workflows.versions(TENANT, "many")
    assert made.version == "1.0.0", made.version
    batch = []
    for events, run in runs(counts, due_ms):
        batch.append(start_run(journal, TENANT, run, events))
        if len(batch) == _BATCH:
            await asyncio.gather(*batch)
            batch.clear()
    await asyncio.gather(*batch)
    await journal.close()


if __name__ == "__main__":
    folder, paused, running, due, *at = sys.argv[1:]
    wanted = {"paused": int(paused), "running": int(running), "due": int(due)}
    asyncio.run(fill(Path(folder), wanted, int(at[0]) if at else 0))
