"""ship-parcels: book every parcel once, then wait until a person has handed them over."""

from collections.abc import Iterator, Mapping
from functools import partial

from pydantic import Field

from engine import Json, JsonObject
from steps import (
    Effects,
    GoesOn,
    InvalidAnswer,
    Outcome,
    Pause,
    Pauses,
    Problem,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
    Template,
)

_MOST = 500


class ShipParcelsSettings(StepSettings):
    """The parcels, and the message for the person who hands them over."""

    parcels: Template = Field(
        description="a template that gives a list of objects with `address` and `grams`"
    )
    message: Template | None = Field(None, description="what the person who hands over reads")


class ShipParcels(StepType[ShipParcelsSettings]):
    """Books every parcel at the carrier, then waits until they are handed over.

    Its output is `bookings`, a list of `tracking`; `handedOverBy` and `handedOverAt`.
    """

    type = "ship-parcels"
    settings = ShipParcelsSettings
    timeout_ms = 600_000
    errors = {"InvalidParcels": "`parcels` gives something else than it should"}
    example = {
        "id": "ship",
        "type": "ship-parcels",
        "parcels": "{{ data.parcels }}",
        "message": "Parcels of order {{ data.order }}",
        "output": {"bookings": {"type": "array"}},
        "retry": {"maxAttempts": 10},
    }

    def check(
        self, settings: ShipParcelsSettings, output: Mapping[str, JsonObject]
    ) -> Iterator[Problem]:
        """Find problems that no run could resolve when the workflow is saved."""
        if not isinstance(settings.parcels.source, list | str):
            yield Problem("parcels", "must be a list, or a template that gives one")

    async def execute(
        self, settings: ShipParcelsSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Book the parcels that are not booked yet, and pause for a person.

        This runs again after a crash, a failed attempt and an answer with `GoesOn`; recorded
        results are then returned instead of computed again.
        """
        parcels = _parcels(settings.parcels.render(step.scope))
        bookings = []
        for index, parcel in enumerate(parcels):
            name = f"parcel-{index}"
            book = partial(effects.tool, "book-parcel", parcel, name)
            bookings.append(await effects.record(name, book))
        question = 1
        while isinstance(lost := effects.recalled(f"lost-{question}"), dict):
            place = lost["index"]
            assert isinstance(place, int)  # noqa: S101 - written by `accept`
            name = f"parcel-{place}-again-{question}"
            book = partial(effects.tool, "book-parcel", parcels[place], name)
            bookings[place] = await effects.record(name, book)
            question += 1
        message = settings.message.render(step.scope) if settings.message else None
        body: JsonObject = {
            "stepId": step.step_id,
            "actionId": step.step_id,
            "message": message,
            "actions": [
                {"value": "handed-over", "label": "All are handed over"},
                {"value": "lost-label", "label": "A label is lost: book that parcel again"},
            ],
            "bookings": bookings,
            "question": question,
        }
        return Pauses(Pause("request_user_action", body))

    def accept(
        self,
        settings: ShipParcelsSettings,
        step: StepInput,
        pause: JsonObject,
        answer: JsonObject,
    ) -> "Json | GoesOn":
        """Return the output for an answer, or a record with which the step continues."""
        bookings = pause["bookings"]
        match answer.get("actionValue"):
            case "handed-over":
                return {
                    "bookings": bookings,
                    "handedOverBy": answer["answeredBy"],
                    "handedOverAt": answer["answeredAt"],
                }
            case "lost-label":
                count = len(bookings) if isinstance(bookings, list) else 0
                return GoesOn(f"lost-{pause['question']}", {"index": _index(answer, count)})
            case _:
                told = "must be handed-over or lost-label"
                raise InvalidAnswer([Problem("actionValue", told)])


def _parcels(given: Json) -> list[JsonObject]:
    """Return the parcels; the tool checks the content of each."""
    if isinstance(given, list) and 0 < len(given) <= _MOST:
        parcels = [item for item in given if isinstance(item, dict)]
        if len(parcels) == len(given):
            return parcels
    message = f"parcels must give a list of 1 to {_MOST} objects"
    raise StepBroke("InvalidParcels", message, retryable=False)


def _index(answer: JsonObject, count: int) -> int:
    data = answer.get("data")
    index = data.get("index") if isinstance(data, dict) else None
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
        told = f"must say which parcel, from 0 to {count - 1}"
        raise InvalidAnswer([Problem("data.index", told)])
    return index
