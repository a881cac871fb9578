"""Checks that the pages of a database fit together, including those of indexes."""

from journal.connection import Connection


def damage_of(connection: Connection) -> str | None:
    """Return the first fault that SQLite finds, and on which page; None if there is none.

    Raises `sqlite3.Error` if the database cannot be read at all.
    """
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if verdict == "ok" else " ".join(str(verdict).split()).replace("Page ", "page ")
