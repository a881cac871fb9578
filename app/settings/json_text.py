"""JSON that an operator gives as the text of a setting or an option."""

import json
from typing import Any


def read(text: str | bytes) -> Any:
    """Return what a JSON text says. Raises `ValueError`, also if it is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError as deep:
        raise ValueError("it is nested too deeply") from deep
