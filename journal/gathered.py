"""What has gathered for the writer: each batch is bounded, and tenants take turns in it.

While all of it fits into one transaction nothing is chosen. Of more than that, each tenant's first
goes before any other's second: who has a thousand writes in line keeps another's one waiting for
the transaction under way, and no longer.
"""

from collections import deque

from journal.transaction import Append, Task

_MOST_ROWS = 2_000
_MOST_CHARACTERS = 8_000_000
"""What a transaction may write, beyond which one may go by its last."""


class Gathered:
    """Writes in line, by tenant; those of one tenant stay in their order."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Append | Task]] = {}
        self._rows = 0
        self._characters = 0

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, item: Append | Task) -> None:
        """Put a write at the end of its tenant's line."""
        line = self._lines.get(item.tenant)
        if line is None:
            line = self._lines[item.tenant] = deque()
        line.append(item)
        self._rows += item.rows
        self._characters += item.characters

    def take(self) -> list[Append | Task]:
        """Take what the next transaction writes."""
        if self._rows <= _MOST_ROWS and self._characters <= _MOST_CHARACTERS:
            lines, self._lines = self._lines, {}
            self._rows = self._characters = 0
            return [item for line in lines.values() for item in line]
        batch: list[Append | Task] = []
        rows = characters = 0
        while self._lines and rows < _MOST_ROWS and characters < _MOST_CHARACTERS:
            tenant = next(iter(self._lines))
            line = self._lines.pop(tenant)
            item = line.popleft()
            if line:
                self._lines[tenant] = line  # to the end of the round
            batch.append(item)
            rows += item.rows
            characters += item.characters
        self._rows -= rows
        self._characters -= characters
        return batch
