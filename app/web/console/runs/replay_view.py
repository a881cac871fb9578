"""A replay beside the recorded run, as the page of its run shows it."""

from typing import Any

from app.concurrency.offload import offload
from app.definitions.replays import is_replay
from app.execution.commands.replays import compared
from app.web.api.replays import visits_of
from app.web.endpoint import Call
from engine import JsonObject, Run
from journal import UnknownRun

_NUMBERS = (
    ("turns", "Turns"),
    ("questions", "Questions to models"),
    ("tokens", "Tokens"),
    ("cost", "Cost"),
)


async def replay_of(call: Call, run: Run) -> "JsonObject | None":
    """Return the differences of a replay; None for other runs, or if its original is deleted."""
    if not is_replay(run.workflow_id):
        return None
    try:
        before, after, replay = await visits_of(call, run)
    except UnknownRun:
        return None
    found: Any = await offload(lambda: compared(before, after, replay, run))
    old, new = found["before"], found["after"] or {}
    numbers = [
        {"name": name, "before": old[key], "after": new.get(key)}
        for key, name in _NUMBERS
        if old[key] is not None or new.get(key) is not None
    ]
    calls = {"before": len(old["calls"]), "after": len(new["calls"]) if new else None}
    return {
        **found,
        "numbers": [*numbers, {"name": "Calls of tools", **calls}],
        "times": {"before": old["modelMs"], "after": new.get("modelMs")},
        "recorded": new.get("recorded"),
    }
