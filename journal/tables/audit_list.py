"""Reads the audit log a page at a time, newest first.

Entries are scanned in their order. A page for which few entries match therefore scans only a
limited part, and says where the next page continues.
"""

from collections.abc import Sequence

from engine.value import value
from journal.reading.readers import Readers
from journal.rows.columns import columns
from journal.writing.audit import AuditRow

_MOST_LOOKED_AT = 20_000
_CLOCK_MS = 86_400_000
"""How far the machine's clock may have been set back between two entries, in milliseconds."""


@value(frozen=True, slots=True)
class AuditPage:
    """Entries, and the position before which the next page continues; None at the end.

    A page may have fewer entries than requested, or none, although more follow.
    """

    rows: Sequence[AuditRow]
    following: int | None


@value(frozen=True, slots=True)
class AuditFilter:
    """Which entries are meant; what is None does not filter.

    Attributes:
        since_ms: From this moment on.
        until_ms: Before this moment.
        before: Only entries before this position.
    """

    who: str | None = None
    action: str | None = None
    target: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    before: int | None = None

    @property
    def is_search(self) -> bool:
        """Whether entries have to be read one by one."""
        asked = (self.who, self.action, self.target, self.since_ms, self.until_ms)
        return any(one is not None for one in asked)


class AuditList:
    """The audit log of all tenants."""

    def __init__(self, lists: Readers) -> None:
        self._lists = lists

    async def last_position(self) -> int:
        """Return the place of the newest entry, 0 before the first."""
        row = await self._lists.one("SELECT coalesce(max(position), 0) FROM audit")
        return int(row[0])

    async def actions_after(self, position: int) -> set[str]:
        """Return the actions of all tenants after a position."""
        rows = await self._lists.all(
            "SELECT DISTINCT action FROM audit WHERE position > ?", (position,)
        )
        return {action for (action,) in rows}

    async def page(self, tenant: str, wanted: AuditFilter, limit: int) -> AuditPage:
        """Return up to `limit` entries of a tenant, newest first."""
        last = await self._last_looked_at(tenant, wanted) if wanted.is_search else None
        where: list[str] = ["tenant = ?"]
        bound: list[str | int] = [tenant]
        given: tuple[tuple[str, str | int | None], ...] = (
            ("who = ?", wanted.who),
            ("action = ?", wanted.action),
            ("at_ms >= ?", wanted.since_ms),
            ("at_ms < ?", wanted.until_ms),
            ("position < ?", wanted.before),
            ("position >= ?", last and last[0]),
        )
        for clause, wish in given:
            if wish is not None:
                where.append(clause)
                bound.append(wish)
        if wanted.target is not None:
            where.append("substr(target, 1, CAST(? AS INTEGER)) = ?")
            bound += [len(wanted.target), wanted.target]
        rows = await self._lists.all(
            f"SELECT {columns(AuditRow)} FROM audit WHERE {' AND '.join(where)}"
            " ORDER BY position DESC LIMIT ?",
            (*bound, limit + 1),
        )
        found = [AuditRow(*row) for row in rows[:limit]]
        if len(rows) > limit:
            return AuditPage(found, found[-1].position)
        is_over = last is None or last[1] < (wanted.since_ms or 0) - _CLOCK_MS
        return AuditPage(found, None if is_over or last is None else last[0])

    async def _last_looked_at(self, tenant: str, wanted: AuditFilter) -> tuple[int, int] | None:
        """Return the position and moment of the last entry that a page scans; None for no limit."""
        before = 2**62 if wanted.before is None else wanted.before
        row = await self._lists.one(
            "SELECT position, at_ms FROM audit WHERE tenant = ? AND position < ?"
            " ORDER BY position DESC LIMIT 1 OFFSET ?",
            (tenant, before, _MOST_LOOKED_AT - 1),
        )
        return None if row is None else (int(row[0]), int(row[1]))
