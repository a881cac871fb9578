"""The few filters that data mapping needs beside MiniJinja's own. All are pure."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from steps.durations import duration_ms
from steps.frozen import freeze, thaw


def to_json(value: Any) -> str:
    """Give the value as JSON text."""
    return json.dumps(thaw(value), ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> Any:
    """Give the value that JSON text describes."""
    return freeze(json.loads(text))


def sha256(text: str) -> str:
    """Give the hexadecimal SHA-256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def date_add(date: str, duration: str) -> str:
    """Give an ISO date moved by a duration such as `7d` or `-2h`."""
    back = duration.startswith("-")
    moved = timedelta(milliseconds=duration_ms(duration.removeprefix("-")))
    moment = datetime.fromisoformat(date) - moved if back else datetime.fromisoformat(date) + moved
    return moment.isoformat().replace("+00:00", "Z")


def date_format(date: str, pattern: str) -> str:
    """Give an ISO date written by a strftime pattern."""
    return datetime.fromisoformat(date).strftime(pattern)


FILTERS: dict[str, Callable[..., Any]] = {
    "to_json": to_json,
    "from_json": from_json,
    "sha256": sha256,
    "date_add": date_add,
    "date_format": date_format,
}
