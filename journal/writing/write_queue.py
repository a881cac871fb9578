"""The queue of the writer: each batch is limited, and tenants take turns in it.

If everything fits into one transaction, nothing is chosen. Otherwise the first write of each tenant
goes before the second of any other. A tenant with a thousand writes in line therefore delays
another tenant's single write by no more than the transaction under way. Within a transaction,
tenants with few writes are answered first.

While several tenants write, transactions are short: writing the rows of one takes about as long as
the flush that has to be waited for in any case.
"""

from collections import deque
from itertools import chain

from journal.writing.transaction import Append, Task

_MOST_ROWS = 2_000
_FEWEST_SHARED_ROWS = 64
"""So many rows fit into each transaction, however fast the disk is."""

_A_ROW_S = 0.00004
"""Twice the time of a row: the measured time of a transaction includes that of its rows."""

_SHARED_S = 1.0
"""For how many seconds transactions stay short after several tenants had writes: they come back."""

_MOST_CHARACTERS = 8_000_000
"""How many characters a transaction may write; its last write may go beyond."""


class WriteQueue:
    """Writes by tenant; those of one tenant stay in their order.

    Attributes:
        lines: The tenants that have writes in line; always the same object.
        is_shared: Whether several tenants write, in one transaction or in turns, or did so a moment
            ago.
        quick_s: How many seconds the quicker transactions take; set by the writer. The others
            have waited for the interpreter or for another program, which fewer rows would not
            shorten.
    """

    def __init__(self) -> None:
        self.lines: dict[str, deque[Append | Task]] = {}
        self._rows = 0
        self._characters = 0
        self.is_shared = False
        self._shared_until_s = 0.0
        self._latest = ""
        self._has_changed = False
        self.quick_s = 0.0

    def add(self, item: Append | Task) -> None:
        """Put a write at the end of its tenant's line."""
        line = self.lines.get(item.tenant)
        if line is None:
            line = self.lines[item.tenant] = deque()
            if item.tenant and item.tenant != self._latest:  # the server itself has none
                self._has_changed, self._latest = self._latest != "", item.tenant
        line.append(item)
        self._rows += item.rows
        self._characters += item.characters

    def _most_rows(self, now_s: float, *, are_several: bool) -> int:
        """Return how many rows a transaction may write while several tenants write."""
        if are_several:
            self._shared_until_s = now_s + _SHARED_S
            self._has_changed = False
        self.is_shared = now_s < self._shared_until_s
        if not self.is_shared:
            return _MOST_ROWS
        return min(max(_FEWEST_SHARED_ROWS, int(self.quick_s / _A_ROW_S)), _MOST_ROWS)

    def take(self, now_s: float) -> list[Append | Task]:
        """Take what the next transaction writes, which begins at `now_s`."""
        batch: list[Append | Task]
        are_several, most_rows = len(self.lines) > 1, _MOST_ROWS
        if are_several or self.is_shared or self._has_changed:
            most_rows = self._most_rows(now_s, are_several=are_several or self._has_changed)
        if self._rows <= most_rows and self._characters <= _MOST_CHARACTERS:
            lines = self.lines.values()
            in_order = sorted(lines, key=len) if are_several else lines
            batch = list(chain.from_iterable(in_order))
            self.lines.clear()
            self._rows = self._characters = 0
            return batch
        batch = []
        rows = characters = 0
        while self.lines and rows < most_rows and characters < _MOST_CHARACTERS:
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
