"""What calls of models have cost, and the limits that they must keep.

A call is admitted, and its cost is added up, in the single writer's transaction. Two concurrent
calls can therefore not both use the same remaining budget.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple
from typing import Literal, TypeAlias

from engine.value import value
from journal.connection import Connection
from journal.processes.owners import ALL_SHARDS, shard_of
from journal.reading.readers import Readers
from journal.rows.columns import columns, insert_into
from journal.rows.run_ids import run_id, run_number
from journal.writing.transaction import UNCOUNTED
from journal.writing.writer import Writer

_WHOLE_RUN = 0
_DEEPEST = 32
_ABOVE = (
    "WITH RECURSIVE above (run, execution, depth) AS ("
    " SELECT ?, ?, 0 UNION ALL"
    " SELECT r.parent, r.parent_execution, depth + 1 FROM above JOIN runs r ON r.id = above.run"
    f" WHERE r.parent IS NOT NULL AND depth < {_DEEPEST})"
)
_LIMITS_ABOVE = (
    f"{_ABOVE} SELECT l.run, l.execution, most_tokens, most_nano, spent_tokens, spent_nano,"
    " held_tokens, held_nano, open FROM above JOIN spending_limits l ON l.run = above.run"
    f" AND l.execution IN (above.execution, {_WHOLE_RUN}) ORDER BY depth, l.execution DESC"
)
Scope: TypeAlias = Literal["step", "run", "workflow", "tenant"]


@value(frozen=True, slots=True)
class ModelCall:
    """A call of a model that is about to be made.

    Attributes:
        execution: Which execution of a step of the run makes it.
        agent_id: The agent for which it is made, empty without one.
        day: The day in UTC, such as 2026-11-29.
        held_tokens: How many tokens it may take at most.
        sure_tokens: How many it takes even if no answer comes.
    """

    tenant: str
    run: int
    execution: int
    workflow_id: str
    agent_id: str
    model: str
    day: str
    held_tokens: int
    held_nano: int
    sure_tokens: int
    sure_nano: int


@value(frozen=True, slots=True)
class Spent:
    """What an answer has cost."""

    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_nano: int
    estimated: bool


@value(frozen=True, slots=True)
class LimitHit:
    """A limit that leaves no room for a call.

    Attributes:
        unit: What it counts.
        most: The limit, in tokens or in billionths of the currency.
        run_id: The run that it limits; empty for a month's budget.
        execution: Which execution of a step of that run; 0 for the whole run.
        must_wait: True if there may be room once the open calls are answered.
    """

    scope: Scope
    unit: Literal["tokens", "cost"]
    most: int
    run_id: str = ""
    execution: int = 0
    must_wait: bool = False


@value(frozen=True, slots=True)
class SpendingRow:
    """What was spent on one day, by one workflow and agent, on one model."""

    tenant: str
    day: str
    workflow_id: str
    agent_id: str
    model: str
    calls: int
    estimated: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_nano: int


class SpendingTable:
    """The spending of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def limit(
        self, run: str, execution: int, most_tokens: int | None, most_nano: int | None
    ) -> None:
        """Limit an execution of a step, or with execution 0 a run, and all runs below it."""
        values = (run_number(run), execution, most_tokens, most_nano)

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO spending_limits (run, execution, most_tokens, most_nano)"
                " VALUES (?, ?, ?, ?) ON CONFLICT (run, execution) DO UPDATE"
                " SET most_tokens = excluded.most_tokens, most_nano = excluded.most_nano",
                values,
            )

        await self._writer.write(work)

    async def begin_budget(self, run: str, most_nano: int) -> None:
        """Limit a run and all runs below it, unless it has a limit already."""
        values = (run_number(run), _WHOLE_RUN, most_nano)

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO spending_limits (run, execution, most_nano) VALUES (?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                values,
            )

        await self._writer.write(work)

    async def raise_budget(self, run: str, most_nano: int) -> None:
        """Raise the budget of a run; a larger one stays."""
        values = (most_nano, run_number(run), _WHOLE_RUN, most_nano)

        def work(connection: Connection) -> None:
            connection.execute(
                "UPDATE spending_limits SET most_nano = ? WHERE run = ? AND execution = ?"
                " AND most_nano < ?",
                values,
            )

        await self._writer.write(work)

    async def admit(self, question: ModelCall) -> int | LimitHit:
        """Reserve what a call may cost; return its number, or the limit that leaves no room.

        Close to a limit, calls are admitted one at a time, so that at most one answer exceeds the
        limit.
        """

        def work(connection: Connection) -> int | LimitHit:
            hit = _met_above(connection, question) or _met_of_month(connection, question)
            if hit:
                return hit
            _hold(connection, question, 1)
            row = connection.execute(
                f"{insert_into('open_calls', ModelCall)} RETURNING id", astuple(question)
            )
            return int(row.fetchone()[0])

        admitted: int | LimitHit = await self._writer.write(work)
        return admitted

    async def settle(self, number: int, spent: Spent | None) -> None:
        """Add up what a call has cost; nothing for one that was refused."""

        def work(connection: Connection) -> None:
            _settle(connection, number, spent)

        await self._writer.write(work)

    async def settle_lost(self, shards: Collection[int] = ALL_SHARDS) -> int:
        """Count the calls that a crash has cut off by their minimum cost; return how many.

        Only calls of the runs of these shards, which belong to this process alone from now on.
        """

        def work(connection: Connection) -> int:
            rows = connection.execute("SELECT id, run, sure_tokens, sure_nano FROM open_calls")
            lost = [row for row in rows.fetchall() if shard_of(row[1]) in shards]
            for number, _, tokens, nano in lost:
                _settle(connection, number, Spent(tokens, 0, 0, nano, estimated=True))
            return len(lost)

        if (await self._readers.one("SELECT count(*) FROM open_calls"))[0] == 0:
            return 0
        found: int = await self._writer.write(work, UNCOUNTED)
        return found

    async def days(self, tenant: str, first: str, last: str) -> list[SpendingRow]:
        """Return what a tenant has spent from one day to another, both included."""
        rows = await self._readers.all(
            f"SELECT {columns(SpendingRow)} FROM spending"
            " WHERE tenant = ? AND day >= ? AND day <= ?"
            " ORDER BY day, workflow_id, agent_id, model",
            (tenant, first, last),
        )
        return [SpendingRow(*row) for row in rows]

    async def set_budget(self, tenant: str, workflow_id: str, month_nano: int | None) -> None:
        """Limit a month of a tenant, or of the named workflow; None removes the limit."""

        def work(connection: Connection) -> None:
            connection.execute(
                "DELETE FROM budgets WHERE tenant = ? AND workflow_id = ?", (tenant, workflow_id)
            )
            if month_nano is not None:
                connection.execute(
                    "INSERT INTO budgets VALUES (?, ?, ?)", (tenant, workflow_id, month_nano)
                )

        await self._writer.write(work)

    async def budgets(self, tenant: str) -> dict[str, int]:
        """Return the budgets of a tenant by workflow; the tenant's own has the empty name."""
        rows = await self._readers.all(
            "SELECT workflow_id, month_nano FROM budgets WHERE tenant = ? ORDER BY workflow_id",
            (tenant,),
        )
        return {str(workflow_id): int(nano) for workflow_id, nano in rows}


def _met_above(connection: Connection, question: ModelCall) -> LimitHit | None:
    """Return the nearest limit without room, of the run or of its ancestors."""
    rows = connection.execute(_LIMITS_ABOVE, (question.run, question.execution)).fetchall()
    for (
        run,
        execution,
        tokens,
        nano,
        spent_tokens,
        spent_nano,
        held_tokens,
        held_nano,
        is_open,
    ) in rows:
        scope: Scope = "run" if execution == _WHOLE_RUN else "step"
        units: tuple[tuple[Literal["tokens", "cost"], int | None, int, int, int], ...] = (
            ("tokens", tokens, spent_tokens, held_tokens, question.held_tokens),
            ("cost", nano, spent_nano, held_nano, question.held_nano),
        )
        for unit, most, spent, held, wanted in units:
            stand = _stand(most, spent, held, wanted, is_open)
            if most is not None and stand != "room":
                return LimitHit(scope, unit, most, run_id(run), execution, stand == "wait")
    return None


def _met_of_month(connection: Connection, question: ModelCall) -> LimitHit | None:
    """Return the month's budget without room, the workflow's first."""
    budgets = connection.execute(
        "SELECT workflow_id, month_nano FROM budgets WHERE tenant = ? AND workflow_id IN ('', ?)"
        " ORDER BY workflow_id DESC",
        (question.tenant, question.workflow_id),
    ).fetchall()
    month = question.day[:7]
    for workflow_id, most in budgets:
        which = (question.tenant, workflow_id, workflow_id)
        (spent,) = connection.execute(
            "SELECT coalesce(sum(cost_nano), 0) FROM spending WHERE tenant = ?"
            " AND (? = '' OR workflow_id = ?) AND day >= ? AND day <= ?",
            (*which, f"{month}-01", f"{month}-31"),
        ).fetchone()
        held, is_open = connection.execute(
            "SELECT coalesce(sum(held_nano), 0), count(*) FROM open_calls WHERE tenant = ?"
            " AND (? = '' OR workflow_id = ?)",
            which,
        ).fetchone()
        stand = _stand(most, spent, held, question.held_nano, is_open)
        if stand != "room":
            scope: Scope = "workflow" if workflow_id else "tenant"
            return LimitHit(scope, "cost", most, must_wait=stand == "wait")
    return None


def _stand(
    most: int | None, spent: int, held: int, wanted: int, is_open: int
) -> Literal["room", "wait", "full"]:
    if most is None:
        return "room"
    if spent >= most:
        return "full"
    return "wait" if is_open and spent + held + wanted > most else "room"


def _hold(connection: Connection, question: ModelCall, sign: int) -> None:
    """Reserve what a call may cost at every limit above it; -1 releases it."""
    connection.execute(
        f"{_ABOVE} UPDATE spending_limits SET held_tokens = held_tokens + ?,"
        " held_nano = held_nano + ?, open = open + ?"
        f" FROM above WHERE spending_limits.run = above.run"
        f" AND spending_limits.execution IN (above.execution, {_WHOLE_RUN})",
        (
            question.run,
            question.execution,
            sign * question.held_tokens,
            sign * question.held_nano,
            sign,
        ),
    )


def _settle(connection: Connection, number: int, spent: Spent | None) -> None:
    row = connection.execute(
        f"DELETE FROM open_calls WHERE id = ? RETURNING {columns(ModelCall)}", (number,)
    ).fetchone()
    if row is None:
        return
    question = ModelCall(*row)
    _hold(connection, question, -1)
    if spent is None:
        return
    _add(connection, [_row(question, spent)])
    connection.execute(
        f"{_ABOVE} UPDATE spending_limits SET spent_tokens = spent_tokens + ?,"
        " spent_nano = spent_nano + ? FROM above WHERE spending_limits.run = above.run"
        f" AND spending_limits.execution IN (above.execution, {_WHOLE_RUN})",
        (
            question.run,
            question.execution,
            spent.input_tokens + spent.output_tokens,
            spent.cost_nano,
        ),
    )


def _row(question: ModelCall, spent: Spent) -> SpendingRow:
    return SpendingRow(
        question.tenant, question.day, question.workflow_id, question.agent_id, question.model,
        1, int(spent.estimated), spent.input_tokens, spent.cached_tokens, spent.output_tokens,
        spent.cost_nano,
    )  # fmt: skip


def _add(connection: Connection, rows: Iterable[SpendingRow]) -> None:
    counts: Sequence[str] = (
        "calls", "estimated", "input_tokens", "cached_tokens", "output_tokens", "cost_nano",
    )  # fmt: skip
    added = ", ".join(f"{name} = spending.{name} + excluded.{name}" for name in counts)
    connection.executemany(
        f"{insert_into('spending', SpendingRow)}"
        f" ON CONFLICT (tenant, day, workflow_id, agent_id, model) DO UPDATE SET {added}",
        [astuple(row) for row in rows],
    )
