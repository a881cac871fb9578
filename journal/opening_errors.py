"""Why a journal cannot be opened, and what an operator does about it."""

import errno
import os
import sqlite3
from contextlib import ExitStack
from pathlib import Path

from journal.errors import JournalError


class Locked(JournalError):
    """Another process uses the data folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        self.folder, self.holder = folder, holder
        super().__init__(f"the data folder {folder} is in use by process {holder}; stop it first")


class FolderUnusable(JournalError):
    """The disk, or a right that is missing, prevents using the data folder."""

    def __init__(self, folder: Path, failure: OSError) -> None:
        self.folder = folder
        super().__init__(_how_to_use(folder, failure))


def _how_to_use(folder: Path, failure: OSError) -> str:
    match failure.errno:
        case errno.EEXIST | errno.ENOTDIR:
            return f"{failure.filename} is not a folder: choose a data folder with --data"
        case errno.ENOSPC | errno.EDQUOT:
            return (
                f"there is no room on the disk of {folder.absolute()}: "
                "make some, or choose another data folder with --data"
            )
        case errno.EMFILE | errno.ENFILE:
            return (
                f"{failure.filename or folder} cannot be opened ({failure.strerror}): {_FEW_FILES}"
            )
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return (
                f"{failure.filename or folder} cannot be written ({failure.strerror}): "
                "let the user that runs Stepwell write the data folder"
            )
        case _:
            return f"the data folder {folder.absolute()} cannot be used: {failure}"


class WalMissing(JournalError):
    """The database lacks its newest commits, which were in its -wal file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        super().__init__(
            f"{file} was in use when it was left, and what was committed last is in "
            f"{file.name}-wal, which is missing, empty or damaged. Nothing has been changed: put "
            "that file back beside it, or restore a backup. If it is lost for good, "
            f"`stepwell accept-loss --data {file.parent}` continues with the older state."
        )


class CannotOpen(JournalError):
    """The disk or another program prevents opening the database; nothing was changed."""

    def __init__(self, file: Path, failure: sqlite3.Error | OSError) -> None:
        self.file = file
        super().__init__(f"{file} cannot be opened ({failure}): {how_to_open(file, failure)}")


class CannotCopy(JournalError):
    """The database cannot be copied; nothing is left of the copy."""

    def __init__(self, file: Path, to: Path, failure: sqlite3.Error | OSError) -> None:
        self.file, self.to = file, to
        code = _code_of(to, failure)
        how = _COPY_MENDS.get(code, "the system's log may say what is wrong with the disk")
        why = getattr(failure, "strerror", None) or failure
        super().__init__(f"{file} cannot be copied to {to.parent} ({why}): {how}")


def how_to_open(file: Path, failure: sqlite3.Error | OSError) -> str:
    """Return what to do about a database that the disk or another program keeps shut."""
    code = _code_of(file, failure)
    if code == sqlite3.SQLITE_CANTOPEN and not _can_open_more():
        return _FEW_FILES
    return _MENDS.get(code, _MEND)


def _can_open_more() -> bool:
    """Return whether this process may open as many files as a database has; SQLite does not say."""
    with ExitStack() as opened:
        try:
            for _ in range(_FILES):
                opened.enter_context(open(os.devnull))  # noqa: PTH123 - no path of ours
        except OSError:
            return False
    return True


def _code_of(file: Path, failure: sqlite3.Error | OSError) -> int:
    """Return SQLite's primary code for a failure to use a file."""
    # SQLite's extended code adds the exact cause to the last byte.
    code = (getattr(failure, "sqlite_errorcode", None) or 0) & 0xFF
    if getattr(failure, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        code = sqlite3.SQLITE_FULL
    elif getattr(failure, "errno", None) in (*_NOT_ALLOWED, errno.EMFILE, errno.ENFILE):
        code = sqlite3.SQLITE_CANTOPEN
    # Files beside the database are created before it is read; a full disk then is not SQLITE_FULL.
    if code == sqlite3.SQLITE_IOERR:
        disk = os.statvfs(file.parent)
        if disk.f_bavail * disk.f_frsize < _LEAST_ROOM:
            code = sqlite3.SQLITE_FULL
    return code


_FILES = 4
"""A database, its -wal and its -shm file, and their folder."""

_FEW_FILES = "this process may not open more files; raise the limit (LimitNOFILE=, ulimit -n)"
_LEAST_ROOM = 65_536
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR)
_MEND = "the system's log may say what is wrong with the disk; repair it and start again"
_MENDS = {
    sqlite3.SQLITE_FULL: "make room on the disk and start again",
    sqlite3.SQLITE_BUSY: "another program has it open; close that program and start again",
    **dict.fromkeys(
        (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM),
        "let the user that runs Stepwell read and write the data folder and what is in it",
    ),
}
_COPY_MENDS = {
    sqlite3.SQLITE_FULL: "make room on that disk, or choose a folder on another one",
    sqlite3.SQLITE_BUSY: "another program uses it; try again in a moment",
    **dict.fromkeys(
        (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM),
        "let this user write there, or choose another folder",
    ),
}


class BadDatabase(JournalError):
    """The named database cannot hold the journal; nothing in it was changed."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the database cannot be used: {why}")


class DatabaseInUse(JournalError):
    """A journal is being moved, or a server is using the journal that was to be moved."""

    def __init__(self, database: str) -> None:
        super().__init__(
            f"{database} is in use by another Stepwell: a journal is moved while no server uses "
            "its database, and no server begins while one is moved"
        )
