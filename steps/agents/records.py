"""Selects the records of an agent's visit from which a rerun can continue."""

import re
from collections.abc import Mapping

from engine import Json

_OF_A_TURN = re.compile(r"turn-([0-9]+)(?:/.*)?")
_OF_NO_USE = frozenset({"refusal", "length", "context"})
"""The finish reasons with which an agent fails; another try may end differently."""


def kept_calls(records: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return answers and calls up to the last useful answer.

    The agent's version and tools are looked up again, limits start from zero, and unfinished calls
    are made again.
    """
    last = 0
    while isinstance(answer := records.get(f"turn-{last + 1}"), dict):
        if answer.get("finish") in _OF_NO_USE:
            break
        last += 1
    last -= _texts_at_the_end(records, last)
    found: dict[str, Json] = {}
    for name, value in records.items():
        turn = _OF_A_TURN.fullmatch(name)
        if turn and int(turn[1]) <= last:
            found[name] = value
    return found


def _texts_at_the_end(records: Mapping[str, Json], last: int) -> int:
    """Return how many of the last answers were plain text, without a call or a delivery."""
    texts = 0
    while texts < last:
        answer = records[f"turn-{last - texts}"]
        if not isinstance(answer, dict) or answer.get("toolCalls"):
            break
        texts += 1
    return texts
