"""Shares of something bounded, so that no tenant can take all of it.

The rule: a tenant may hold at most `GREED` times what is still free. One that is alone gets
four fifths; whoever comes next always finds something, and as what is held comes back all
who ask end up with the same.
"""

from collections.abc import Mapping
from typing import Any

GREED = 4


class FairShare:
    """Counts who holds how much of `most`.

    With a `greed` of 1 one that is alone gets about half: what is left is for whoever comes.
    """

    def __init__(self, most: int, greed: int = GREED) -> None:
        self.most = most
        self._greed = greed
        self.total = 0
        self._held: dict[str, int] = {}
        self._lines: Mapping[str, Any] = {}
        """Who stands in line, for whoever has them wait: they come first."""

    def may_take(self, tenant: str, amount: int = 1) -> bool:
        """Say whether the tenant may hold that much more."""
        free = self.most - self.total
        return amount <= free and self._held.get(tenant, 0) + amount <= self._greed * free

    def take_now(self, tenant: str, amount: int = 1) -> bool:
        """Note that the tenant holds that much more if it may, and say whether it may."""
        free = self.most - self.total
        held = self._held.get(tenant, 0) + amount
        if amount > free or held > self._greed * free or tenant in self._lines:
            return False
        self.total += amount
        self._held[tenant] = held
        return True

    def take(self, tenant: str, amount: int = 1) -> None:
        """Note that the tenant holds more, whether or not it may: some things must go on."""
        self.total += amount
        self._held[tenant] = self._held.get(tenant, 0) + amount

    def give(self, tenant: str, amount: int = 1) -> None:
        """Note that the tenant holds less."""
        self.total -= amount
        left = self._held.get(tenant, 0) - amount
        if left > 0:
            self._held[tenant] = left
        else:
            self._held.pop(tenant, None)
        if self._lines:
            self._serve()

    def _serve(self) -> None:
        """Let those in line have what has become free."""
