"""The journal database that the settings name."""

from app.settings.server import Settings
from journal import Database


def named_database(settings: Settings) -> Database:
    """Return the database of the settings; call this only when they name one."""
    assert settings.database is not None  # noqa: S101 - checked by the caller
    return Database(
        settings.database.get_secret_value(), settings.database_schema,
        settings.database_readers, settings.database_statement_timeout,
    )  # fmt: skip
