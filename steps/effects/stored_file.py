"""An uploaded file, and the function that reads it."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from engine.value import value


@value(frozen=True, slots=True)
class StoredFile:
    """An uploaded file of this tenant, with its bytes.

    Attributes:
        file_id: Its id.
        name: The name under which it was uploaded; never a path.
        media_type: The type with which it was uploaded, such as `application/pdf`.
        content: Its bytes.
    """

    file_id: str
    name: str
    media_type: str
    content: bytes


ReadFile: TypeAlias = Callable[[str], Awaitable[StoredFile]]
"""Reads a file of one tenant by its id. Raises `StepBroke` when there is none."""
