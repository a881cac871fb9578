"""The hash of what a person saw when they answered: the form, its contents, and the version.

It leaves out who may answer, the answers so far and what is due, so that the hash stays the same
for as long as the pause does.
"""

import hashlib
import json

from engine.run import Run
from engine.values import PAUSE_UPKEEP, JsonObject

_GOES_ON = PAUSE_UPKEEP | {
    "answers",
    "assignees",
    "claimedBy",
    "delegatedBy",
    "escalatedTo",
    "exclude",
    "handedOn",
    "overdue",
}
"""Keys of a pause that change while it is open, or that only say who may answer."""


def seen_hash(workflow_id: str, version: str, kind: str, body: JsonObject) -> str:
    """Return the hash of a question, as hexadecimal digits."""
    asked = {name: item for name, item in body.items() if name not in _GOES_ON}
    parts = [workflow_id, version, kind, asked]
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def seen_of(run: Run) -> str:
    """Return the hash of what a paused run asks; empty if it asks nothing."""
    if run.pause is None:
        return ""
    return seen_hash(run.workflow_id, run.version, run.pause.type, run.pause.body)
