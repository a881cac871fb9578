"""Parses JSON text strictly: refuses what is not JSON or could not be stored."""

import json
from codecs import BOM_UTF8

from app.wire.parsing.errors import BadRequest
from engine import Json
from steps.language.strict_json import JsonRefused, json_fault, must_be_bounded, parse_strictly

_MOST_VALUES = 100_000


def parse_json(body: bytes, what: str = "the body", *, exact_integers: bool = True) -> Json:
    """Return the value of JSON text.

    Args:
        body: The text; a leading byte order mark is ignored.
        what: The name of the text in messages.
        exact_integers: Whether to refuse integers beyond 2^53, which some readers round.

    Raises:
        BadRequest: The text is not acceptable; the message gives the position of the fault.
    """
    try:
        return parse_strictly(
            body.removeprefix(BOM_UTF8).decode("utf-8"),
            unique_keys=True,
            exact_integers=exact_integers,
            most_values=_MOST_VALUES,
        )
    except UnicodeDecodeError as wrong:
        raise BadRequest(f"{what} is not UTF-8 at byte {wrong.start}") from wrong
    except json.JSONDecodeError as wrong:
        raise BadRequest(f"{what} is not valid JSON: {json_fault(wrong)}") from wrong
    except JsonRefused as refused:
        raise BadRequest(f"{what} {refused.what}") from refused
    except ValueError as wrong:
        raise BadRequest(f"{what} is not acceptable JSON: {wrong}") from wrong


def check_bounds(value: Json, what: str) -> None:
    """Refuse a value that is nested too deeply or too large. Raises `BadRequest`."""
    try:
        must_be_bounded(value, _MOST_VALUES)
    except JsonRefused as refused:
        raise BadRequest(f"{what} {refused.what}") from refused
