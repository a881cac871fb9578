"""What a tool may have done for it beyond its own work: files kept, and values between runs."""

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
        value: What is put there.
        by: What is added.
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
        collection: Where.
        source: What the text is called.
        text: What is added, or what is looked for.
        limit: How many passages are found at most.
        model: The model that makes vectors of what is added; empty for that of the collection.
    """

    operation: str
    collection: str
    source: str = ""
    text: str = ""
    limit: int = 5
    model: str = ""


async def no_knowledge(call: KnowledgeCall) -> Json:
    """Raise: whoever made the context has given no knowledge."""
    raise RuntimeError(f"there is no knowledge here, so there is no {call.operation}")


async def no_store(call: StoreCall) -> Json:
    """Raise: whoever made the context has given no store."""
    raise RuntimeError(f"there is no store here, so there is no {call.operation}")


async def no_storage(name: str, _: str, __: bytes) -> str:
    """Raise: whoever made the context has given no storage."""
    raise RuntimeError(f"there is no storage here, so {name} cannot be kept")
