"""Backup and restore: a folder with one consistent copy of everything except the key.

A backup is written under a temporary name and renamed when all of it is on disk, so a backup with
its final name is complete. Files never change once written and are stored before the journal refers
to them, so all files that the copied database refers to exist.
"""

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from app.secrets.sealing_key import FILE as KEY_FILE
from app.settings.server import Settings
from engine import iso_time
from engine.value import value
from journal import (
    DATABASE,
    CannotCopy,
    FolderUnusable,
    WalMissing,
    check_wal,
    copy_database,
    damage_of,
    has_wal,
    make_folder,
    mark_folder,
    migrations,
    open_read_only,
    sync,
    write_whole,
)

MANIFEST = "backup.json"
_BLOCK = 1 << 20
_PAGE = 500


class BackupFailed(Exception):
    """A backup cannot be taken or restored; the message says why."""


@value(frozen=True, slots=True)
class Target:
    """The destination of a backup; `only_database` when it is a single file."""

    path: Path
    only_database: bool


def target(to: str) -> Target:
    """Read the value of `--to`. Raises `BackupFailed` if the destination exists already."""
    path = Path(os.path.abspath(to))  # noqa: PTH100 - no symbolic link is followed
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise BackupFailed(f"{path} exists already; a backup never replaces anything")
    if not path.parent.is_dir():
        raise BackupFailed(f"there is no folder {path.parent}")
    return Target(path, path.suffix == ".sqlite3" and not path.exists())


def back_up(
    settings: Settings, to: str, now_ms: int, *, with_key: bool, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Take a backup; durable when this returns. Raises `BackupFailed` or `CannotCopy`."""
    place = target(to)
    database = settings.data / DATABASE
    key = _key_of(settings) if with_key else None
    if place.only_database:
        if with_key:
            raise BackupFailed("--with-key needs a folder to back up to")
        damage = copy_database(database, place.path)
        return {"backup": str(place.path), "files": None, "withKey": False, "damage": damage}
    working = place.path.with_name(f".{place.path.name}.{os.getpid()}")
    try:
        working.mkdir(mode=0o700)
        damage = copy_database(database, working / DATABASE)
        tell("database copied")
        copied, missing = _copy_files(working, settings, tell)
        if key:
            _copy(key, working / KEY_FILE)
        document = {
            "stepwell": 1,
            "createdAt": iso_time(now_ms),
            **_contents(working / DATABASE),
            "sha256": _sha256(working / DATABASE),
            "files": copied,
            "missingFiles": missing,
            "withKey": with_key,
        }
        write_whole(working / MANIFEST, (json.dumps(document, indent=2) + "\n").encode())
        _sync_folders(working)
        working.rename(place.path)
        sync(place.path.parent)
    except OSError as failure:
        raise BackupFailed(f"the backup cannot be written: {failure}") from failure
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return {"backup": str(place.path), **document, "damage": damage}


def restore(source: Path, data: Path) -> dict[str, Any]:
    """Restore a backup into an empty folder, the database last. Raises `BackupFailed`."""
    database = source if source.is_file() else source / DATABASE
    if not database.is_file():
        raise BackupFailed(f"there is no backup at {source}")
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise BackupFailed(f"{data} is not empty; restore into a new folder")
    manifest = _manifest(source) if source.is_dir() else {}
    _check(database, manifest)
    is_whole = False
    try:
        make_folder(data)
        data.chmod(0o700)
        files = list(_files(source / "files")) if source.is_dir() else []
        for file in files:
            to = data / "files" / file.parent.name / file.name
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _copy(file, to)
            if _sha256(to) != file.parent.name + file.name:
                raise BackupFailed(f"{file} is damaged")
        has_key = source.is_dir() and (source / KEY_FILE).exists()
        if has_key:
            _copy(source / KEY_FILE, data / KEY_FILE)
        if has_wal(database):  # a copied data folder, not a backup made by this program
            copy_database(database, data / f"{DATABASE}.restoring")
        else:
            _copy(database, data / f"{DATABASE}.restoring")
        _sync_folders(data)
        (data / f"{DATABASE}.restoring").rename(data / DATABASE)
        mark_folder(data)
        is_whole = True
    except (OSError, CannotCopy) as failure:
        why = FolderUnusable(data, failure) if isinstance(failure, OSError) else failure
        raise BackupFailed(f"the backup cannot be restored: {why}") from failure
    finally:
        if not is_whole:
            _empty(data)  # so that the same command can be repeated
    return {"restored": str(data), "files": len(files), "withKey": has_key}


def _empty(folder: Path) -> None:
    """Remove what is in a folder, as far as that is possible."""
    for each in folder.iterdir() if folder.is_dir() else ():
        if each.is_dir():
            shutil.rmtree(each, ignore_errors=True)
        else:
            with suppress(OSError):
                each.unlink()


def _copy_files(
    working: Path, settings: Settings, tell: Callable[[str], None]
) -> tuple[int | None, list[str]]:
    """Copy the stored files that the copied database refers to; None if they are in a bucket."""
    if settings.storage != "folder":
        return None, []
    copied, missing, last = 0, list[str](), ""
    with closing(open_read_only(working / DATABASE)) as connection:
        while rows := connection.execute(
            "SELECT DISTINCT sha256 FROM files WHERE sha256 > ? ORDER BY sha256 LIMIT ?",
            (last, _PAGE),
        ).fetchall():
            for (sha256,) in rows:
                last = sha256
                to = working / "files" / sha256[:2] / sha256[2:]
                to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                try:
                    _copy(settings.data / "files" / sha256[:2] / sha256[2:], to)
                except FileNotFoundError:
                    missing.append(sha256)
                    continue
                copied += 1
            tell(f"{copied} files copied")
    return copied, missing


def _key_of(settings: Settings) -> Path:
    if settings.secrets_key is not None:
        raise BackupFailed("the key is the setting secrets_key, so --with-key cannot copy it")
    file = settings.secrets_key_file or settings.data / KEY_FILE
    if not file.exists():
        raise BackupFailed(f"there is no key at {file}")
    return file


def _contents(database: Path) -> dict[str, Any]:
    with closing(open_read_only(database)) as connection:
        (schema,) = connection.execute("PRAGMA user_version").fetchone()
        (runs,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        (events,) = connection.execute("SELECT coalesce(sum(seq), 0) FROM runs").fetchone()
    return {"schema": schema, "runs": runs, "events": events}


def _manifest(source: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as unreadable:
        raise BackupFailed(f"{source / MANIFEST} cannot be read: {unreadable}") from unreadable
    return manifest if isinstance(manifest, dict) else {}


def _check(database: Path, manifest: dict[str, Any]) -> None:
    if "sha256" in manifest and manifest["sha256"] != _sha256(database):
        raise BackupFailed(f"{database} is not what was backed up: its SHA-256 differs")
    try:
        check_wal(database)
        with closing(open_read_only(database)) as connection:
            damage = damage_of(connection)
            (version,) = connection.execute("PRAGMA user_version").fetchone()
    except WalMissing as older:
        raise BackupFailed(str(older)) from older
    except sqlite3.Error as unusable:
        raise BackupFailed(f"{database} is not a usable database: {unusable}") from unusable
    if damage is not None:
        raise BackupFailed(f"{database} is damaged: {damage}")
    if version > len(migrations()):
        raise BackupFailed(f"{database} was written by a newer Stepwell")


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("??/*"))


def _copy(source: Path, to: Path) -> None:
    """Copy a file, readable by its owner only; durable when this returns."""
    with source.open("rb") as old, os.fdopen(_new(to), "wb") as new:
        shutil.copyfileobj(old, new, _BLOCK)
        new.flush()
        os.fsync(new.fileno())


def _new(file: Path) -> int:
    return os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)


def _sync_folders(top: Path) -> None:
    """Flush a folder and every folder in it."""
    for folder, _, _ in os.walk(top):
        sync(Path(folder))


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
