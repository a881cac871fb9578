"""The workflow that repeats one visit of a run: it is built from the run, not stored."""

from typing import Any, Self

from engine import JsonObject
from engine.value import value

_MARK = "@replay/"
"""The prefix of its id, which no stored workflow can have."""

_END = "end-of-replay"


@value(frozen=True, slots=True)
class Replay:
    """Which visit is repeated, and what is changed for it.

    Attributes:
        version: The version of the agent; empty for the one of the recorded visit.
        model: The model; empty for the agent's or the step's own.
    """

    run_id: str
    step_id: str
    visit: int
    version: str = ""
    model: str = ""

    def to_version(self) -> str:
        """Return this as the version of the workflow."""
        return "/".join(
            (self.run_id, str(self.visit), self.version or "-", self.model or "-", self.step_id)
        )

    @classmethod
    def from_version(cls, version: str) -> Self:
        """Return the settings that a version of the workflow contains. Raises `ValueError`."""
        run_id, visit, agent, model, step_id = version.split("/", 4)
        return cls(run_id, step_id, int(visit), agent.strip("-"), model if model != "-" else "")


def replay_id(workflow_id: str) -> str:
    """Return the id of the workflow that repeats visits of a workflow's runs."""
    return f"{_MARK}{workflow_id}"


def is_replay(workflow_id: str) -> bool:
    """Return whether a workflow is one that repeats a visit."""
    return workflow_id.startswith(_MARK)


def replayed(document: JsonObject, replay: Replay) -> JsonObject:
    """Return the definition that repeats the visit. Raises `KeyError` if its step is missing."""
    listed: Any = document["steps"]
    step = next((item for item in listed if item["id"] == replay.step_id), None)
    if step is None:
        raise KeyError(replay.step_id)
    again = {key: item for key, item in step.items() if key != "deadline"}
    end = _END if replay.step_id != _END else f"{_END}-2"
    if replay.model:
        again["model"] = replay.model
    if step["type"] == "call-agent":
        again["recorded"] = {"runId": replay.run_id, "visit": replay.visit}
        if replay.version:
            again["version"] = replay.version
    kept = {key: item for key, item in document.items() if key in _KEPT}
    return {
        **kept,
        "name": f"Replay of {replay.step_id}",
        "initialStep": replay.step_id,
        "steps": [again, {"id": end, "type": "end-flow", "result": {}}],
        "edges": [{"from": replay.step_id, "to": end}],
    }


_KEPT = frozenset({"constants", "defaults", "budget"})
