"""Damage to a database file, of the kinds that a failing disk leaves."""

import sqlite3
from contextlib import closing
from pathlib import Path

PAGE = 4096


def damage_index(file: Path, name: str) -> int:
    """Overwrite the first page of an index, and return the page's number."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)
        ).fetchone()
    with file.open("r+b") as opened:
        opened.seek((page - 1) * PAGE)
        opened.write(b"\xff" * PAGE)
    return int(page)
