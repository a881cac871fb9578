"""The database that settings name for the journal."""

from app.settings.server import Settings
from journal import Database


def named_database(settings: Settings) -> Database:
    """Return the database that settings name, which must name one."""
    assert settings.database is not None  # noqa: S101 - the caller has looked
    return Database(
        settings.database.get_secret_value(), settings.database_schema,
        settings.database_readers, settings.database_statement_timeout,
    )  # fmt: skip
