"""The queue of the writer: each batch is limited, and tenants take turns in it.

If everything fits into one transaction, nothing is chosen. Otherwise the first write of each tenant
goes before the second of any other. A tenant with a thousand writes in line therefore delays
another tenant's single write by no more than the transaction under way. Within a transaction,
tenants with few writes are answered first.
"""

from collections import deque
from itertools import chain

from journal.writing.transaction import Append, Task

_MOST_ROWS = 2_000
_MOST_CHARACTERS = 8_000_000
"""How many characters a transaction may write; its last write may go beyond."""


class Gathered:
    """Writes by tenant; those of one tenant stay in their order.

    Attributes:
        lines: The tenants that have writes in line; always the same object.
    """

    def __init__(self) -> None:
        self.lines: dict[str, deque[Append | Task]] = {}
        self._rows = 0
        self._characters = 0

    def add(self, item: Append | Task) -> None:
        """Put a write at the end of its tenant's line."""
        line = self.lines.get(item.tenant)
        if line is None:
            line = self.lines[item.tenant] = deque()
        line.append(item)
        self._rows += item.rows
        self._characters += item.characters

    def take(self) -> list[Append | Task]:
        """Take what the next transaction writes."""
        batch: list[Append | Task]
        if self._rows <= _MOST_ROWS and self._characters <= _MOST_CHARACTERS:
            lines = self.lines.values()
            in_order = lines if len(lines) == 1 else sorted(lines, key=len)
            batch = list(chain.from_iterable(in_order))
            self.lines.clear()
            self._rows = self._characters = 0
            return batch
        batch = []
        rows = characters = 0
        while self.lines and rows < _MOST_ROWS and characters < _MOST_CHARACTERS:
            tenant = next(iter(self.lines))
            line = self.lines.pop(tenant)
            item = line.popleft()
            if line:
                self.lines[tenant] = line  # to the end of the round
            batch.append(item)
            rows += item.rows
            characters += item.characters
        self._rows -= rows
        self._characters -= characters
        return batch
