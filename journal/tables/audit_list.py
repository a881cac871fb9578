"""Reads the audit log a page at a time, newest first.

An index has the entries of each caller and of each action in their order, and one of moments says
between which entries a period lies. What is left to be read one by one, the beginnings of targets
and the ends of a period, is limited for each page, which says where the next one continues.
"""

from collections.abc import Sequence

from engine.value import value
from journal.reading.readers import Readers
from journal.rows.columns import columns
from journal.writing.audit import AuditRow

_MOST_LOOKED_AT = 5_000
_CLOCK_MS = 86_400_000
"""How far the machine's clock may have been set back between two entries, in milliseconds."""

_NONE = 2**62
"""A position that no entry reaches."""


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
        asked = (self.target, self.since_ms, self.until_ms)
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
        after, before = await self._bounds(tenant, wanted)
        where, bound = ["tenant = ?"], list[str | int]([tenant])
        for clause, wish in (("who = ?", wanted.who), ("action = ?", wanted.action)):
            if wish is not None:
                where.append(clause)
                bound.append(wish)
        where += ["position > ?", "position < ?"]
        last = None
        if wanted.is_search:
            last = await self._last_looked_at(" AND ".join(where), (*bound, after, before))
        bound += [after if last is None else last - 1, before]
        # The sign keeps these from choosing an index that does not have the order of the page.
        for clause, moment in (("+at_ms >= ?", wanted.since_ms), ("+at_ms < ?", wanted.until_ms)):
            if moment is not None:
                where.append(clause)
                bound.append(moment)
        if wanted.target is not None:
            where.append("substr(target, 1, CAST(? AS INTEGER)) = ?")
            bound += [len(wanted.target), wanted.target]
        rows = await self._lists.all(
            f"SELECT {columns(AuditRow)} FROM audit WHERE {' AND '.join(where)}"
            " ORDER BY position DESC LIMIT ?",
            (*bound, limit + 1),
        )
        found = [AuditRow(*row) for row in rows[:limit]]
        return AuditPage(found, found[-1].position if len(rows) > limit else last)

    async def _bounds(self, tenant: str, wanted: AuditFilter) -> tuple[int, int]:
        """Return two positions between which the entries are that may match."""
        after, before = 0, _NONE if wanted.before is None else wanted.before
        if wanted.since_ms is not None:
            row = await self._lists.one(
                "SELECT position FROM audit WHERE tenant = ? AND at_ms < ?"
                " ORDER BY at_ms DESC, position DESC LIMIT 1",
                (tenant, wanted.since_ms - _CLOCK_MS),
            )
            after = 0 if row is None else int(row[0])
        if wanted.until_ms is not None:
            row = await self._lists.one(
                "SELECT position FROM audit WHERE tenant = ? AND at_ms >= ?"
                " ORDER BY at_ms, position LIMIT 1",
                (tenant, wanted.until_ms + _CLOCK_MS),
            )
            before = before if row is None else min(before, int(row[0]))
        return after, before

    async def _last_looked_at(self, where: str, values: Sequence[str | int]) -> int | None:
        """Return the position of the last entry that a page reads; None for no limit."""
        row = await self._lists.one(
            f"SELECT position FROM audit WHERE {where} ORDER BY position DESC LIMIT 1 OFFSET ?",
            (*values, _MOST_LOOKED_AT - 1),
        )
        return None if row is None else int(row[0])
