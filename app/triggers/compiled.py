"""Keeps stored triggers and schedules compiled, by tenant and id."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

_MOST = 1_000
"""How many are kept; beyond that all are compiled again when they are used."""


class Row(Protocol):
    """A stored document of a tenant."""

    @property
    def tenant(self) -> str:
        """The tenant."""
        ...

    @property
    def id(self) -> str:
        """Its id, of which a tenant has one."""
        ...

    @property
    def document(self) -> str:
        """The document as it is stored."""
        ...


R = TypeVar("R", bound=Row)
C = TypeVar("C")


class Compiled(Generic[R, C]):
    """The compiled forms of rows; a row whose document has changed is compiled again."""

    def __init__(self, compiled: Callable[[R], C]) -> None:
        """Compile rows with `compiled`."""
        self._compiled = compiled
        self._kept: dict[tuple[str, str], tuple[str, C]] = {}

    def of(self, row: R) -> C:
        """Return the compiled form of a row."""
        kept = self._kept.get((row.tenant, row.id))
        if kept is None or kept[0] != row.document:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            kept = row.document, self._compiled(row)
            self._kept[row.tenant, row.id] = kept
        return kept[1]
