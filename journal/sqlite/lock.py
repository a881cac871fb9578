"""The lock of a data folder, which only one process may use."""

import errno
import fcntl
import json
import os
import stat
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from journal.opening_errors import FolderUnusable, Locked
from journal.sqlite.durable_files import make_folder

LOCK_FILE = "stepwell.lock"


class FolderLock:
    """An exclusive lock on a data folder, released when the process ends, however it ends.

    Both the folder and a file in it are locked, since somebody may remove the file. The file names
    the process that holds the lock, the socket on which it takes commands, and its open database.

    Attributes:
        left_behind: What the previous process wrote there, if it did not stop in order.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            Locked: Another process has it.
            FolderUnusable: It cannot be written, or its file system has no locks.
        """
        try:
            self._take(folder)
            self.left_behind = holder(folder)
            self._control: Path | None = None
            self._database: int | None = None
            self._write()
        except OSError as refused:
            raise FolderUnusable(folder, refused) from refused

    def _take(self, folder: Path) -> None:
        make_folder(folder)
        with ExitStack() as unless_taken:
            self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            unless_taken.callback(os.close, self._folder)
            self._file = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
            unless_taken.callback(os.close, self._file)
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise OSError(errno.EINVAL, "Not a regular file", str(folder / LOCK_FILE))
            try:
                for handle in (self._file, self._folder):
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as busy:
                raise Locked(folder, str(holder(folder).get("pid", "unknown"))) from busy
            except OSError as refused:
                raise OSError(refused.errno, refused.strerror, str(folder / LOCK_FILE)) from refused
            unless_taken.pop_all()

    @property
    def inode(self) -> int:
        """The inode of the lock file, which differs between a folder and its copy."""
        return os.fstat(self._file).st_ino

    def holds(self, database: Path) -> None:
        """Write down the database file's identity, for the process that starts after a crash."""
        self._database = database.stat().st_ino
        self._write()

    def announce(self, control: Path | None) -> None:
        """Write down the socket on which the holder takes commands."""
        self._control = control
        self._write()

    def _write(self) -> None:
        control = str(self._control) if self._control else None
        self._say(pid=os.getpid(), control=control, database=self._database, lock=self.inode)

    def _say(self, **says: object) -> None:
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(says).encode(), 0)

    def release(self) -> None:
        """Release the folder for others."""
        self._say(database=self._database, lock=self.inode)
        os.close(self._file)
        os.close(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.release()


def holder(folder: Path) -> dict[str, object]:
    """Return who holds a folder's lock, as far as its lock file tells."""
    try:
        found = json.loads((folder / LOCK_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
