"""A file that was uploaded, and what reads it."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from engine.value import value


@value(frozen=True, slots=True)
class StoredFile:
    """A file that was uploaded to this tenant, with its bytes.

    Attributes:
        file_id: Its id.
        name: The name that it was uploaded under; never a path.
        media_type: The type that it was uploaded as, such as `application/pdf`.
        content: Its bytes.
    """

    file_id: str
    name: str
    media_type: str
    content: bytes


ReadFile: TypeAlias = Callable[[str], Awaitable[StoredFile]]
"""Reads a file of one tenant by its id. Raises `StepBroke` when there is none."""
