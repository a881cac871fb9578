"""Parses the id of a pause."""

import re

from app.wire.parsing.errors import NotFoundHere

_PAUSE_ID = re.compile(r"([0-9]{1,18})-([0-9]{1,9})", re.ASCII)


def numbers_of(pause_id: str) -> tuple[int, int]:
    """Return the numbers of the run and of the event in a pause id.

    Raises `NotFoundHere` for an invalid id.
    """
    named = _PAUSE_ID.fullmatch(pause_id)
    if named is None:
        raise NotFoundHere(f"there is no pause {pause_id}")
    return int(named[1]), int(named[2])
