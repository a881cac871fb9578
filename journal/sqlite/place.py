"""Checks that the open database is still the file of its name, in the folder of its name.

A file that has been deleted, moved or replaced can be written to as long as it is open, and all of
it is lost when the process ends. The writer therefore looks before each transaction, and at
intervals between them; a file that is back in its place is used again.

A file that is overwritten in place keeps its identity. While the journal is open, only checkpoints
write to the database file, and they are noted here. If its length changes in any other way, another
program has changed it. Its time may change without that: a tool for backups sets it, or a file
server does later than the write. The name that the last checkpoint left in the file then tells.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_BESIDE = ("-wal", "-shm")

_SETTLED_S = 0.05
"""For so many seconds after a change, another may be given the same time by the kernel."""

_LOOK_EVERY_S = 0.5
"""For how many seconds at most the time of the folder is believed."""


class Place:
    """The identity of an open database, of its folder, and of SQLite's files beside it.

    Attributes:
        is_another: Whether the file now holds another program's data and must be left as it is.
    """

    def __init__(self, file: Path, is_ours: Callable[[], bool]) -> None:
        """Take them as they are now; `is_ours` looks into the database for the last checkpoint.

        Raises `OSError` if the folder or the database is missing.
        """
        self._is_ours = is_ours
        whole = file.absolute()
        self.is_another = False
        self._file = str(whole)
        self._written = _written(os.stat(whole))  # noqa: PTH116 - as below
        self._known = {str(place): _identity(str(place)) for place in (whole.parent, whole)}
        self._beside: dict[str, tuple[int, int]] = {}
        self._to_come = {f"{whole}{ending}" for ending in _BESIDE}
        self._take_what_came()
        self._folder = str(whole.parent)
        self._seen: tuple[int, int, int] | None = None
        self._seen_s = self._sure_until_s = 0.0

    def wrote(self) -> None:
        """Record that a checkpoint has written to the database."""
        with suppress(OSError):
            self._written = _written(os.stat(self._file))  # noqa: PTH116 - as below

    def displaced(self) -> str | None:
        """Return what has happened to the folder or the database; None while all is in place.

        Whatever is deleted, moved or created in the folder changes the folder's time. While that
        stands still, only the database has to be looked at: whether it was written to.
        """
        now_s = time.monotonic()
        try:
            state = _state(self._folder)
            is_known = state == self._seen and now_s < self._sure_until_s
            if is_known and _written(os.stat(self._file)) == self._written:  # noqa: PTH116 - as below
                return None
        except OSError:
            return self._found_displaced()
        if state != self._seen:
            self._seen, self._seen_s = state, now_s
        why = self._found_displaced()
        is_sure = why is None and now_s - self._seen_s > _SETTLED_S and not self._to_come
        self._sure_until_s = now_s + _LOOK_EVERY_S if is_sure else 0.0
        return why

    def _found_displaced(self) -> str | None:
        """Look at the folder and at each file."""
        self._take_what_came()
        for path, known in self._known.items():
            try:
                found = os.stat(path)  # noqa: PTH116 - twice as fast, before each transaction
            except OSError:
                return f"{path} was deleted or moved while the server runs; put it back as it was"
            if (found.st_dev, found.st_ino) != known:
                return (
                    f"{path} was replaced while the server runs; stop the server, and start it "
                    "with the one that is to count"
                )
            if path != self._file:
                continue
            self.is_another = self._written != _written(found) and not self._is_only_touched(found)
            if self.is_another:
                what = "written over by another program" if found.st_size else "emptied"
                return (
                    f"{path} was {what} while the server runs; keep all that is in its folder, "
                    "stop the server, and restore a backup"
                )
        for path, (device, number) in self._beside.items():
            try:
                found = os.stat(path)  # noqa: PTH116 - as above
                is_there = found.st_ino == number and found.st_dev == device
            except OSError:
                is_there = False
            if not is_there:
                return (
                    f"{path} was deleted, moved or replaced while the server runs; stop the "
                    "server, which brings what it holds into the database, and start it again"
                )
        return None

    def _take_what_came(self) -> None:
        for path in list(self._to_come):
            with suppress(OSError):
                self._beside[path] = _identity(path)
                self._to_come.remove(path)

    def _is_only_touched(self, found: os.stat_result) -> bool:
        if found.st_size != self._written[1] or not self._is_ours():
            return False
        self._written = _written(found)
        return True


def _identity(path: str) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116 - twice as fast, before each transaction
    return found.st_dev, found.st_ino


def _state(folder: str) -> tuple[int, int, int]:
    found = os.stat(folder)  # noqa: PTH116 - as above
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _written(found: os.stat_result) -> tuple[int, int]:
    return found.st_mtime_ns, found.st_size
