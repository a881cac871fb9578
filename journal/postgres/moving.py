"""PostgreSQL as one end of a move."""

from collections.abc import Iterator, Sequence

import psycopg

from journal.connection import Connection
from journal.moving import MOVING, Row, Table, put_meta, select, set_mark
from journal.opening_errors import DatabaseInUse
from journal.postgres.address import Address
from journal.postgres.connection import for_an_operator, lock_of, named
from journal.postgres.dialect import caption_words, vector
from journal.postgres.rows import WAITS_SINCE
from journal.postgres.schema import prepare

_AT_ONCE = 2_000
_IDENTITIES = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = current_schema() AND is_identity = 'YES'
"""


class PostgresEnd:
    """A schema that no server uses."""

    def __init__(self, address: Address) -> None:
        """Connect, and bring the schema up to date.

        Raises:
            JournalError: It cannot be used; says why.
            DatabaseError: The server is in trouble.
        """
        self.shown = f"{address.shown}#{address.schema}"
        self._own = for_an_operator(address, writes=True)
        try:
            self._hold(address)
            prepare(self._own, address, to_move=True)
        except BaseException:
            self._own.close()
            raise
        self.connection: Connection = self._own

    def _hold(self, address: Address) -> None:
        raw = self._own.raw
        raw.patience_s = None
        raw.execute("SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0")
        held = raw.execute(
            f"SELECT pg_try_advisory_lock({lock_of(address, 'process')})".encode()
        ).fetchone()
        if held != (True,):
            raise DatabaseInUse(address.shown)

    def rows(self, table: Table, after: Row | None) -> Iterator[Row]:
        """Read the rows of a table in the order of their keys, beginning after a key."""
        raw = self._own.raw
        try:
            with raw.transaction(), raw.cursor(name="moving") as found:
                found.itersize = _AT_ONCE
                found.execute(select(table, "%s" if after else None).encode(), after or ())
                yield from found
        except psycopg.Error as failure:
            raise named(failure) from failure

    def write(self, table: Table, rows: Sequence[Row], progress: str) -> None:
        """Add rows and store the progress, in one transaction.

        It does not wait for the disk: `replace_meta` does, which brings all earlier ones there too.
        """
        columns = table.columns
        if table.name == "run_captions":
            columns, rows = (*columns, "words"), [(*row, _vector(table, row)) for row in rows]
        if table.name == "runs":
            columns, rows = (*columns, WAITS_SINCE), [(*row, _since(table, row)) for row in rows]
        copy = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
        try:
            with self._own.raw.transaction():
                self._own.execute("SET LOCAL synchronous_commit = off")
                with self._own.raw.cursor() as cursor, cursor.copy(copy.encode()) as to:
                    for row in rows:
                        to.write_row(row)
                set_mark(self._own, MOVING, progress)
        except psycopg.Error as failure:
            raise named(failure) from failure

    def replace_meta(self, rows: Sequence[Row], last_position: int) -> None:
        """Replace the journal's entries in `meta`, and continue positions from `last_position`."""
        try:
            with self._own.raw.transaction():
                put_meta(self._own, rows)
                self._own.execute(
                    "UPDATE sequences SET seq = ? WHERE name = 'events'", (last_position,)
                )
                for table, column in self._own.execute(_IDENTITIES).fetchall():
                    self._own.execute(
                        f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'),"
                        f" greatest((SELECT max({column}) FROM {table}), 1))"
                    )
        except psycopg.Error as failure:
            raise named(failure) from failure

    def close(self) -> None:
        """Release it for others."""
        self._own.close()


def _vector(table: Table, row: Row) -> str:
    caption = dict(zip(table.columns, row, strict=True))
    return vector(caption_words(caption["tenant"], caption["title"], caption["labels"]))


def _since(table: Table, row: Row) -> int | None:
    run = dict(zip(table.columns, row, strict=True))
    return None if run["signal_name"] is None else int(run["updated_at_ms"])
