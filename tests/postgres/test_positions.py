"""Events become visible in the order of their positions, and verify finds no gap."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import closing

from journal.connection import Connection
from journal.errors import Conflict
from journal.postgres.address import Address
from journal.postgres.connection import PostgresConnection
from journal.postgres.schema import prepare
from journal.rows.event_rows import Row
from journal.rows.run_projection import COLUMNS, INSERT_RUN
from journal.verification import verify
from journal.writing.audit import ChangeNote, write_entry
from journal.writing.transaction import Append, Task, Transaction
from tests.harness.postgres import PostgresServer

WRITERS, BATCHES = 4, 60


class Unheard(Append):
    """An append for whose result nobody waits."""

    def conflict(self) -> Conflict:
        return Conflict("run", 1)

    def settle(self, failure: BaseException | None, /) -> None:
        pass


def batch(writer: int, number: int) -> list[Append | Task]:
    """Return a writer's appends; every seventh batch contains a duplicate."""
    first = writer * 1_000_000 + number * 10
    appends: list[Append | Task] = []
    for run in range(first + 1, first + 1 + number % 4 + 1):
        rows: Sequence[Row] = [
            (run, 2 * at, "X X", 2, 1, "[{},{}]", bytes([at])) for at in range(1, number % 3 + 2)
        ]
        values = dict.fromkeys(COLUMNS, 0) | {
            "id": run, "tenant": "acme", "workflow_id": "w", "version": "1.0.0", "status": "running",
            "state": "ready", "step_id": None, "seq": 2 * len(rows), "ended_at_ms": None,
            "due_at_ms": None, "parent": None, "parent_execution": None, "parent_attempt": None,
            "item": None, "head": rows[-1][6], "signal_name": None, "signal_key": None,
            "place_key": None, "place_pool": None,
        }  # fmt: skip
        runs = [(INSERT_RUN, tuple(values.values()))]
        appends.append(Unheard(rows, runs, 2 * len(rows), 0, "acme"))
    if number % 7 == 0:
        appends += appends[-1:]  # a duplicate: the batch is written again without it

    def noted(connection: Connection) -> None:
        write_entry(connection, ChangeNote("acme", 1, "me", "doIt", f"{writer}/{number}"), None)

    return [*appends, Task(noted, lambda _: None, "acme")]


def test_positions_become_visible_in_order(postgres: PostgresServer) -> None:
    database = postgres.database()
    address = Address.read(
        database.url, schema=database.schema, statement_timeout_ms=30_000, relaxed=False
    )
    first = PostgresConnection(address, writes=True)
    prepare(first, address)
    first.close()
    failures: list[BaseException] = []
    is_over = threading.Event()

    def writes(writer: int) -> None:
        connection = PostgresConnection(address, writes=True)
        try:
            for number in range(BATCHES):
                Transaction(batch(writer, number), must_change=False)(connection)
        except Exception as failure:  # noqa: BLE001 - reported by the test
            failures.append(failure)
        finally:
            connection.close()

    def reads() -> None:
        """Check that each new position follows the last one without a gap."""
        connection = PostgresConnection(address, writes=False)
        last = 0
        while True:
            was_over = is_over.is_set()
            rows = connection.execute(
                "SELECT position FROM events WHERE position > ? ORDER BY position", (last,)
            ).fetchall()
            for (position,) in rows:
                if position != last + 2:
                    failures.append(AssertionError(f"{position} was seen after {last}"))
                    return
                last = position
            if was_over:
                break
        connection.close()

    threads = [threading.Thread(target=writes, args=(number,)) for number in range(WRITERS)]
    looks = threading.Thread(target=reads)
    for thread in (looks, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    is_over.set()
    looks.join()
    assert failures == []
    connection = PostgresConnection(address, writes=False)
    ((there, largest),) = connection.execute(
        "SELECT count(*), max(position) FROM events"
    ).fetchall()
    assert 2 * there == largest > WRITERS * BATCHES
    faults = [
        fault.what for fault in verify(connection, lambda _: None).faults if fault.run_id is None
    ]
    assert faults == [], "an entry of the audit log or a position is missing"
    connection.close()


async def test_an_append_sees_what_was_committed_while_it_waited_whatever_the_default_isolation(
    postgres: PostgresServer,
) -> None:
    database = postgres.database()
    address = Address.read(
        f"{database.url}&options=-c%20default_transaction_isolation%3Drepeatable%5C%20read",
        schema=database.schema, statement_timeout_ms=30_000, relaxed=False,
    )  # fmt: skip
    with (
        closing(PostgresConnection(address, writes=True)) as first,
        closing(PostgresConnection(address, writes=True)) as second,
    ):
        prepare(first, address)
        one, other = (batch(writer, 1)[0] for writer in (1, 2))
        assert isinstance(one, Append)
        assert isinstance(other, Append)
        first.execute("BEGIN IMMEDIATE")
        first.write_rows(one.runs, one.events)
        waits = asyncio.create_task(second.append(other.runs, other.events))
        await asyncio.sleep(0)  # it is sent, and waits for the writers' lock
        while not postgres.execute("SELECT 1 FROM pg_locks WHERE NOT granted"):
            pass
        first.execute("COMMIT")
        await waits
