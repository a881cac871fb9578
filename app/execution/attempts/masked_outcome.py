"""Removes the secrets that a step was given from the outcome of its attempt."""

from dataclasses import replace
from functools import partial
from typing import Protocol

from app.secrets.vault import LONG_MASKED
from engine import Broke, Delivered, Input, Json, Pauses
from steps.language.beside import beside, is_long


class Masks(Protocol):
    """Removes secret values from other values."""

    def value(self, value: Json) -> Json:
        """Return the JSON value without the secrets."""
        ...


async def masked_outcome(outcome: Input, mask: Masks) -> Input:
    """Return the outcome as it may be stored and shown; a large one is searched in a thread."""
    match outcome:
        case Delivered(output, data, appended):
            held: list[Json] = [output, data, {**appended}]
        case Broke(error):
            held = [error.message, error.body]
        case Pauses(pause):
            held = [pause.body]
        case _:
            return outcome
    if is_long(held, LONG_MASKED):
        return await beside(partial(_masked, outcome, mask))
    return _masked(outcome, mask)


def _masked(outcome: Input, mask: Masks) -> Input:
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
            masked = replace(
                error, message=str(mask.value(error.message)), body=mask.value(error.body)
            )
            return Broke(masked)
        case Pauses(pause):
            return replace(outcome, pause=replace(pause, body=_object(mask.value(pause.body))))
        case _:
            return outcome


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
