"""Shares a limited resource so that no tenant can take all of it.

The rule: a tenant may hold at most `GREED` times what is still free. A tenant that is alone gets
four fifths. The next one always finds something free, and as resources are given back, all tenants
that ask end up with the same share.
"""

from collections.abc import Mapping
from typing import Any

GREED = 4


class FairShare:
    """Counts how much of `most` each tenant holds.

    With a `greed` of 1, a tenant that is alone gets about half; the rest stays free for others.
    """

    def __init__(self, most: int, greed: int = GREED) -> None:
        self.most = most
        self._greed = greed
        self.total = 0
        self._held: dict[str, int] = {}
        self._lines: Mapping[str, Any] = {}
        """The waiting lines by tenant, filled by subclasses: those in line come first."""

    def may_take(self, tenant: str, amount: int = 1) -> bool:
        """Return whether the tenant may hold `amount` more."""
        free = self.most - self.total
        return amount <= free and self._held.get(tenant, 0) + amount <= self._greed * free

    def take_now(self, tenant: str, amount: int = 1) -> bool:
        """Take `amount` more for the tenant if it may have it; return whether it was taken."""
        free = self.most - self.total
        held = self._held.get(tenant, 0) + amount
        if amount > free or held > self._greed * free or tenant in self._lines:
            return False
        self.total += amount
        self._held[tenant] = held
        return True

    def take(self, tenant: str, amount: int = 1) -> None:
        """Take `amount` more for the tenant, even beyond its share: some work must not wait."""
        self.total += amount
        self._held[tenant] = self._held.get(tenant, 0) + amount

    def give(self, tenant: str, amount: int = 1) -> None:
        """Give back `amount` of what the tenant holds."""
        self.total -= amount
        left = self._held.get(tenant, 0) - amount
        if left > 0:
            self._held[tenant] = left
        else:
            self._held.pop(tenant, None)
        if self._lines:
            self._serve()

    def _serve(self) -> None:
        """Give what has become free to those in line."""
