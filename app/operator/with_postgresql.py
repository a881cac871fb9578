"""Commands that need the journal in the data folder, and what to do instead with PostgreSQL."""

from app.operator.errors import CommandFailed
from app.settings.server import Settings

BACKUP = (
    "the journal is in PostgreSQL: back it up with its own tools (pg_dump, pgBackRest, the "
    "provider's snapshots), and keep the key that seals secrets beside it"
)
RESTORE = (
    "the journal is in PostgreSQL: restore it with its own tools, and give the server the key that "
    "sealed its secrets"
)
REHEARSAL = (
    "the journal is in PostgreSQL: restore a copy of the database beside it, and start the new "
    "version on that; its migrations let the older version keep running"
)
LOSS = "the journal is in PostgreSQL, which has no -wal file to lose"


def must_be_in_folder(settings: Settings, instead: str) -> None:
    """Raise `CommandFailed` with what to do instead, unless the journal is in the data folder."""
    if settings.database is not None:
        raise CommandFailed(instead)
