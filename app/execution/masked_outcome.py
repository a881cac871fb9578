"""What came of an attempt, without the secrets that the step was given."""

from dataclasses import replace

from app.secrets.mask import Mask
from engine import Broke, Delivered, Input, Json, Pauses


def masked_outcome(outcome: Input, mask: Mask) -> Input:
    """Return the outcome as it may be journaled and shown."""
    if not mask.is_needed:
        return outcome
    match outcome:
        case Delivered(output, data, appended, removed):
            given: list[Json] = [output, data, {**appended}]
            if mask.value(given) is given:
                return outcome
            gained = {
                name: [mask.value(item) for item in items] for name, items in appended.items()
            }
            return Delivered(mask.value(output), _object(mask.value(data)), gained, removed)
        case Broke(error):
            told = replace(
                error, message=str(mask.value(error.message)), body=mask.value(error.body)
            )
            return Broke(told)
        case Pauses(pause):
            return replace(outcome, pause=replace(pause, body=_object(mask.value(pause.body))))
        case _:
            return outcome


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
