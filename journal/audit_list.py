"""The audit log as it is read: a page at a time, newest first."""

from engine.value import value
from journal.audit import AuditRow
from journal.columns import columns
from journal.readers import Readers


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


class AuditList:
    """The audit log of all tenants."""

    def __init__(self, lists: Readers) -> None:
        self._lists = lists

    async def last_position(self) -> int:
        """Return the place of the newest entry, 0 before the first."""
        row = await self._lists.one("SELECT coalesce(max(position), 0) FROM audit")
        return int(row[0])

    async def actions_after(self, position: int) -> set[str]:
        """Return what was done by all tenants after a place."""
        rows = await self._lists.all(
            "SELECT DISTINCT action FROM audit WHERE position > ?", (position,)
        )
        return {action for (action,) in rows}

    async def page(self, tenant: str, wanted: AuditFilter, limit: int) -> list[AuditRow]:
        """Return up to `limit` entries of a tenant, newest first."""
        where: list[str] = ["tenant = ?"]
        bound: list[str | int] = [tenant]
        given: tuple[tuple[str, str | int | None], ...] = (
            ("who = ?", wanted.who),
            ("action = ?", wanted.action),
            ("at_ms >= ?", wanted.since_ms),
            ("at_ms < ?", wanted.until_ms),
            ("position < ?", wanted.before),
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
            (*bound, limit),
        )
        return [AuditRow(*row) for row in rows]
