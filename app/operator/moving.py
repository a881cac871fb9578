"""Moves a journal between the data folder and PostgreSQL, with the bytes of its files."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.files.s3 import S3Storage
from app.files.spool import StorageError
from app.operator.errors import CommandFailed
from app.settings.database import named_database
from app.settings.extras import ExtraMissing, extra
from app.settings.server import Settings, SettingsError
from engine.counted import counted
from journal import (
    Connection,
    DatabaseError,
    JournalError,
    Verified,
    begin_elsewhere,
    mark_folder,
)
from journal.journal import end_of
from journal.moving import FolderEnd, move

DATABASE_SETTING = "database"
"""Names the configured database on the command line, where others could see a password."""

Tell = Callable[[str], None]


def carry_over(settings: Settings, source: str, target: str, tell: Tell) -> dict[str, Any]:
    """Move a journal and return what was moved. Raises `CommandFailed`."""
    if _is_database(source) == _is_database(target):
        raise CommandFailed("one of --from and --to must be a folder, the other one PostgreSQL")
    try:
        with extra("postgres", "move"):
            if _is_database(target):
                return _to_database(Path(source), _named(settings, target), tell)
            return _to_folder(_named(settings, source), Path(target), tell)
    except (JournalError, DatabaseError, ExtraMissing, StorageError, SettingsError) as refused:
        raise CommandFailed(str(refused)) from refused


def _to_database(folder: Path, settings: Settings, tell: Tell) -> dict[str, Any]:
    source = FolderEnd(folder, new=False)
    files: dict[str, int] = {}

    def carry_files() -> None:
        files.update(asyncio.run(_files(folder, source.connection, settings, tell)))

    with closing(source), closing(end_of(named_database(settings))) as target:
        found = move(source, target, source.tables(), tell, carry_files)
        shown = target.shown
        begin_elsewhere(folder, shown)
        kept = source.put_away()
    return {**_moved(found, shown), "kept": str(kept), **files}


def _to_folder(settings: Settings, folder: Path, tell: Tell) -> dict[str, Any]:
    with closing(end_of(named_database(settings))) as source:
        target = FolderEnd(folder, new=True)
        with closing(target):
            found = move(source, target, target.tables(), tell)
            (files,) = source.connection.execute("SELECT count(*) FROM files").fetchone()
    mark_folder(folder)
    return {**_moved(found, str(folder)), "filesLeft": files, "filesMoved": 0}


async def _files(
    folder: Path, connection: Connection, settings: Settings, tell: Tell
) -> dict[str, int]:
    """Copy the bytes of files to the configured bucket; without a bucket they stay where they are.

    A file that is already there is not sent again.
    """
    hashes = [sha256 for (sha256,) in connection.execute("SELECT DISTINCT sha256 FROM files")]
    if settings.storage != "s3" or not hashes:
        return {"filesLeft": len(hashes), "filesMoved": 0}
    storage = await S3Storage.open(settings)
    try:
        for number, sha256 in enumerate(hashes, start=1):
            file = folder / "files" / sha256[:2] / sha256[2:]
            if file.exists():
                await storage.put(await asyncio.to_thread(file.read_bytes))
            tell(counted(number, "file"))
    finally:
        storage.close()
    return {"filesLeft": 0, "filesMoved": len(hashes)}


def _moved(found: Verified, to: str) -> dict[str, Any]:
    return {"to": to, "runs": found.runs, "events": found.events, "faults": len(found.faults)}


def _is_database(place: str) -> bool:
    return place == DATABASE_SETTING or "://" in place


def _named(settings: Settings, place: str) -> Settings:
    """Return the settings with the database that the command line names."""
    if place == DATABASE_SETTING:
        if settings.database is None:
            raise CommandFailed("`database` is not set (STEPWELL_DATABASE)")
        return settings
    user, at, _ = place.partition("://")[2].partition("@")
    if (at and ":" in user) or "password=" in place:
        raise CommandFailed(
            "others can read a password on the command line: set STEPWELL_DATABASE, and write the "
            f"word `{DATABASE_SETTING}` in its place here"
        )
    values = settings.model_dump() | {"database": SecretStr(place)}
    try:
        return Settings.model_validate(values)
    except ValueError as unfit:
        raise CommandFailed("the address must be like postgresql://user@host:5432/name") from unfit
