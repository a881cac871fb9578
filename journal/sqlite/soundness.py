"""Whether the pages of a database fit together, those of indexes too."""

from journal.connection import Connection


def damage_of(connection: Connection) -> str | None:
    """Return the first thing that SQLite finds wrong, and on which page; None where all is sound.

    Raises `sqlite3.Error` where it cannot even be looked at.
    """
    (told,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if told == "ok" else " ".join(str(told).split()).replace("Page ", "page ")
