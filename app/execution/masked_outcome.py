"""What came of an attempt, without the secrets that the step was given."""

from collections.abc import Callable
from dataclasses import replace

from engine import Broke, Delivered, Input, Json, Pauses


def masked_outcome(outcome: Input, mask: Callable[[Json], Json]) -> Input:
    """Return the outcome as it may be journaled and shown."""
    match outcome:
        case Delivered(output, data, appended, removed):
            given: list[Json] = [output, data, {**appended}]
            if mask(given) is given:
                return outcome
            gained = {name: [mask(item) for item in items] for name, items in appended.items()}
            return Delivered(mask(output), _object(mask(data)), gained, removed)
        case Broke(error):
            told = replace(error, message=str(mask(error.message)), body=mask(error.body))
            return Broke(told)
        case Pauses(pause):
            return replace(outcome, pause=replace(pause, body=_object(mask(pause.body))))
        case _:
            return outcome


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
