"""Read access to a server's journal, in either database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from journal import Database, migrations
from journal.journal import looking_at
from tests.harness.server import Server

_TABLES = """
    SELECT name FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL
    AND name NOT LIKE 'run_words%' AND name NOT LIKE 'run_input_w%' AND name NOT LIKE 'sqlite%'
    AND name <> 'run_labels'
"""


@contextmanager
def read_journal(server: Server) -> Iterator[sqlite3.Connection]:
    """Return a connection to a server's journal; to a copy in SQLite if it is in PostgreSQL."""
    url = server.environment.get("STEPWELL_DATABASE")
    if url is None:
        address = f"file:{server.data}/journal.sqlite3?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=30)) as journal:
            yield journal
        return
    schema = server.environment.get("STEPWELL_DATABASE_SCHEMA", "stepwell")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        for script in migrations():
            copy.executescript(script)
        copy.execute("DELETE FROM meta")
        with looking_at(Database(url, schema)) as journal:
            for (table,) in copy.execute(_TABLES).fetchall():
                columns = [row[1] for row in copy.execute(f"PRAGMA table_info({table})")]
                rows = journal.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
                marks = ", ".join("?" for _ in columns)
                copy.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        yield copy
