"""Services that a tool may use: stored files, the tenant's store, and its knowledge."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from engine import Json
from engine.value import value

SaveFile: TypeAlias = Callable[[str, str, bytes], Awaitable[str]]
"""Keeps a file of one tenant (name, media type, bytes) and returns its id, for the same call and
bytes always the same."""


@value(frozen=True, slots=True)
class StoreCall:
    """One call of the tenant's store.

    Attributes:
        operation: `get`, `put`, `put-if-absent`, `increment` or `delete`.
        key: The name of the value.
        value: The value to put.
        by: The number to add.
        lasts_ms: How long the value is kept from now on, in milliseconds; None: for ever.
    """

    operation: str
    key: str
    value: Json = None
    by: float = 1
    lasts_ms: int | None = None


@value(frozen=True, slots=True)
class KnowledgeCall:
    """One call of the tenant's knowledge.

    Attributes:
        operation: `add`, `remove`, `list` or `search`.
        collection: The collection.
        source: The name of the text.
        text: The text to add, or the query to search for.
        limit: The most passages to find.
        model: The model that embeds added text; empty for that of the collection.
    """

    operation: str
    collection: str
    source: str = ""
    text: str = ""
    limit: int = 5
    model: str = ""


async def no_knowledge(call: KnowledgeCall) -> Json:
    """Raise: the context was created without knowledge."""
    raise RuntimeError(f"there is no knowledge here, so there is no {call.operation}")


async def no_store(call: StoreCall) -> Json:
    """Raise: the context was created without a store."""
    raise RuntimeError(f"there is no store here, so there is no {call.operation}")


async def no_storage(name: str, _: str, __: bytes) -> str:
    """Raise: the context was created without file storage."""
    raise RuntimeError(f"there is no storage here, so {name} cannot be kept")
