"""The maintenance of a journal in SQLite, with its own type."""

from journal import Journal
from journal.sqlite.maintenance import Maintenance


def maintenance(journal: Journal) -> Maintenance:
    """Return the maintenance of a journal's file."""
    assert isinstance(journal.upkeep, Maintenance)
    return journal.upkeep
