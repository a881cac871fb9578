"""A run's row in the list, computed from its fold.

Its fields are the columns of `runs`; the statements that write, read and check them are made from
it.
"""

from typing import Any, NamedTuple, TypeAlias

from engine import Place, Run, State
from journal.rows.run_ids import run_number

Statement: TypeAlias = tuple[str, tuple[Any, ...]]
"""SQL, and the values bound to it."""

Turn: TypeAlias = tuple[str, str, int | None, int | None, int, str | None, str | None]
"""A run's status, state, end, timer, `apart` and awaited signal, as in its row."""


class RunProjection(NamedTuple):
    """The row of a run in the list; times are Unix milliseconds.

    Attributes:
        id: The run's number.
        seq: The number of its newest event.
        executions: How many steps it has entered.
        attempt: The attempt of the step that it is in, 0 in none.
        parent: The number of the run that started it.
        item: Which child of the parent's step it is, from 0.
        head: The hash of its newest event.
        signal_name: The name of the signal that it waits for itself, None for none.
        signal_key: Which signal of that name.
        place_key: The key of the runs of its workflow, or of its pool, with which it is limited;
            None if it is not limited.
        apart: 1 for a child run whose parent continues without it.
        place_pool: Its pool, as `pool_column` names it; None for its workflow.
        priority: Its priority among the runs that wait for a place.
        body: Which body of its workflow's document it runs; None for the whole document.
    """

    id: int
    tenant: str
    workflow_id: str
    version: str
    status: str
    state: str
    step_id: str | None
    seq: int
    started_at_ms: int
    updated_at_ms: int
    ended_at_ms: int | None
    due_at_ms: int | None
    executions: int
    attempt: int
    head: bytes
    parent: int | None = None
    parent_execution: int | None = None
    parent_attempt: int | None = None
    item: int | None = None
    signal_name: str | None = None
    signal_key: str | None = None
    place_key: str | None = None
    priority: int = 0
    body: str | None = None
    place_pool: str | None = None
    apart: int = 0


_TEXTS = {state: (str(state.status), str(state)) for state in State}
"""Status and state as rows hold them: a database does not take a member of an enum as text."""

COLUMNS = RunProjection._fields
MOVES = ("step_id", "seq", "updated_at_ms", "executions", "attempt", "head")
"""The columns that every append may change.

No index has them, but one of runs that wait for a signal, which has `updated_at_ms` in SQLite.
"""

TURNS = ("status", "state", "ended_at_ms", "due_at_ms", "apart", "signal_name", "signal_key")
"""Columns that few appends change and that are mostly indexed: writing one rewrites its index."""


def _update(names: tuple[str, ...]) -> str:
    return f"UPDATE runs SET {', '.join(f'{name} = ?' for name in names)} WHERE id = ? AND seq = ?"


PLAIN_COLUMNS = tuple(name for name in COLUMNS if name not in RunProjection._field_defaults)
"""The first columns; in the row of most new runs, all others have their default."""

_PLAIN = len(PLAIN_COLUMNS)
_DEFAULTS = tuple(RunProjection._field_defaults.values())


def _insert(names: tuple[str, ...]) -> str:
    return f"INSERT INTO runs ({', '.join(names)}) VALUES ({', '.join('?' for _ in names)})"


INSERT_RUN, INSERT_PLAIN_RUN = _insert(COLUMNS), _insert(PLAIN_COLUMNS)
"""The statements for a new row: with all columns, and with the first ones only."""

INSERTS = frozenset({INSERT_RUN, INSERT_PLAIN_RUN})
MOVE, TURN = _update(MOVES), _update(TURNS + MOVES)
GOES_ON = frozenset({MOVE, TURN})
"""The statements that update a row, unless another process has carried the run on."""

SELECT_RUNS = f"SELECT {', '.join(COLUMNS)} FROM runs"


def projection(tenant: str, run: Run, head: bytes, turn: Turn) -> RunProjection:
    """Return a run's row in the list, with its newest event's hash and what `turn_of` returns."""
    visit, parent, place = run.current, run.parent, run.place
    status, state, ended_at_ms, due_at_ms, apart, signal_name, signal_key = turn
    return RunProjection(
        id=run_number(run.id),
        tenant=tenant,
        workflow_id=run.workflow_id,
        version=run.version,
        status=status,
        state=state,
        step_id=visit.step_id if visit else None,
        seq=run.seq,
        started_at_ms=run.started_at_ms,
        updated_at_ms=run.updated_at_ms,
        ended_at_ms=ended_at_ms,
        due_at_ms=due_at_ms,
        executions=run.executions,
        attempt=visit.attempt if visit else 0,
        head=head,
        parent=run_number(parent.run_id) if parent else None,
        parent_execution=parent.execution if parent else None,
        parent_attempt=parent.attempt if parent else None,
        item=parent.item if parent else None,
        signal_name=signal_name,
        signal_key=signal_key,
        place_key=place.key if place else None,
        priority=place.priority if place else 0,
        body=run.body or None,
        place_pool=pool_column(place) if place else None,
        apart=apart,
    )


def turn_of(run: Run) -> Turn:
    """Return the values of a run's row that few appends change, in the order of `TURNS`."""
    status, state = _TEXTS[run.state]
    apart = 1 if run.is_detached else 0
    if run.pause is None and run.held is None:
        wake_ms, deadline_ms = run.wake_at_ms, run.deadline_ms
        is_both = wake_ms is not None and deadline_ms is not None
        due_ms = run.due_at_ms if is_both else deadline_ms if wake_ms is None else wake_ms
        return (status, state, run.ended_at_ms, due_ms, apart, None, None)
    due_ms = run.due_at_ms
    if run.pause is None:
        return (status, run.listed_state, run.ended_at_ms, due_ms, apart, None, None)
    waits = run.awaited_signal or (None, None)
    return (status, run.listed_state, run.ended_at_ms, due_ms, apart, *waits)


def listing(  # noqa: PLR0913 - what the caller has worked out, each passed in
    tenant: str, run: Run, number: int, head: bytes, seq: int, before: Turn | None, turn: Turn
) -> Statement:
    """Return the statement that updates a run's row from `before` to `turn`; None without a row.

    `seq` is the number of the event up to which the row is current.
    """
    if before is None:
        row = projection(tenant, run, head, turn)
        is_plain = row[_PLAIN:] == _DEFAULTS
        return (INSERT_PLAIN_RUN, row[:_PLAIN]) if is_plain else (INSERT_RUN, row)
    visit = run.current
    step_id, attempt = (visit.step_id, visit.attempt) if visit else (None, 0)
    moved = (step_id, run.seq, run.updated_at_ms, run.executions, attempt, head, number, seq)
    return (MOVE, moved) if turn == before else (TURN, turn + moved)


def pool_column(place: Place | None) -> str | None:
    """Return the value of the column for a run's pool."""
    return f"#{place.pool}" if place and place.pool else None
