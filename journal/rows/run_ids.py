"""Run ids, `dynamic-workflow-<number>`, and the numbers the journal keeps for them."""

import re
from functools import lru_cache

from journal.errors import UnknownRun

_PATTERN = re.compile(r"dynamic-workflow-([1-9][0-9]{0,17})", re.ASCII)


@lru_cache(maxsize=4_096)
def run_number(run_id: str) -> int:
    """Return the number in a run id. Raises `UnknownRun` for anything else."""
    match = _PATTERN.fullmatch(run_id)
    if match is None:
        raise UnknownRun(run_id)
    return int(match[1])


def run_id(number: int) -> str:
    """Return the id of run number `number`."""
    return f"dynamic-workflow-{number}"
