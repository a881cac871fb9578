"""Migrations have unique numbers in both databases."""

from pathlib import Path

import journal


def test_migration_numbers_are_unique() -> None:
    folder = Path(journal.__file__).parent
    names = sorted(file.name for file in (folder / "migrations").glob("*.sql"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    own = [file.name for file in (folder / "postgres" / "migrations").glob("*.sql")]
    assert set(own) - set(names) == {"0015_base.sql"}, "one of PostgreSQL's own replaces none"
