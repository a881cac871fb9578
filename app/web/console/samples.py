"""Sample workflows to start from, shipped with the server."""

import json
from typing import Any

from app.web.console.rendering import HERE

_ORDER = ("greeting", "approval", "reminder", "api-call")


def samples() -> list[dict[str, Any]]:
    """Return each with its key, name, description and text."""
    found = []
    for key in _ORDER:
        text = (HERE / "samples" / f"{key}.json").read_text(encoding="utf-8")
        document = json.loads(text)
        found.append(
            {
                "key": key,
                "name": document["name"],
                "description": document["description"],
                "text": text,
                "steps": len(document["steps"]),
            }
        )
    return found


def sample_text(key: str) -> str | None:
    """Return the text of one sample."""
    return next((item["text"] for item in samples() if item["key"] == key), None)
